using System.Text.Json;
using global::TinyModel;
using Stoker.Core.Formats.Gguf;
using Stoker.Tests.Tidy;

namespace Stoker.Tests.TinyModel;

/// <summary>The committed model's files, and GGUFs made from its weights for this test run.</summary>
public sealed class TinyFiles : IDisposable
{
    private readonly TempFolder _folder = new();

    public TinyFiles()
    {
        F32 = _folder.File("tiny-f32.gguf");
        HuggingFaceToGguf.Prepare(new HuggingFaceFolder(Folder), GgmlType.F32, "Stoker tiny").WriteFile(F32);
    }

    public static string Folder { get; } = Path.Combine(Repository.Root, "models", "tiny");

    /// <summary>The Q8_0 file that ships.</summary>
    public static string Shipped { get; } = Path.Combine(Folder, "tiny.gguf");

    /// <summary>Made from the F16 weights when the tests begin.</summary>
    public string F32 { get; }

    public static JsonElement Json(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, name)));
        return document.RootElement.Clone();
    }

    public void Dispose() => _folder.Dispose();
}
