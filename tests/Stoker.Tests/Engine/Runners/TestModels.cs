using System.Collections.Concurrent;
using Stoker.Core.Formats.Gguf;
using Stoker.Engine.Runners;
using TinyModel;

namespace Stoker.Tests.Engine.Runners;

/// <summary>A random tiny model, written once for all tests of this process, and how they start runners.</summary>
internal static class TestModels
{
    private static readonly Lazy<string> Folder = new(static () =>
    {
        var folder = Directory.CreateTempSubdirectory("stoker-models-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    private static readonly Lazy<IReadOnlyList<string>> SplitFiles = new(static () =>
        RandomModel.Write(Path.Combine(Folder.Value, "split.gguf"), new RandomModelOptions { Shape = "tiny", NormScale = 8, Parts = 2 }));

    public static string Tiny => OfShapeOnce("tiny");
    public static IReadOnlyList<string> TinySplit => SplitFiles.Value;

    /// <summary>A model whose chat template is none that llama.cpp knows.</summary>
    public static string OddTemplate
    {
        get
        {
            var path = Path.Combine(Folder.Value, "odd.gguf");
            var writer = RandomModel.Prepare(new RandomModelOptions { Shape = "tiny" });
            writer.Set(GgufKeys.ChatTemplate, "{% for m in messages %}{{ m.content | upper }}{% endfor %}");
            writer.WriteFile(path);
            return path;
        }
    }

    private static readonly ConcurrentDictionary<string, Lazy<string>> Shapes = new();

    /// <summary>The model of that shape, written once for all tests of this process.</summary>
    public static string OfShapeOnce(string shape) => Shapes.GetOrAdd(shape, static name => new Lazy<string>(() => OfShape(name))).Value;

    /// <summary>The trained model that ships with Stoker.</summary>
    public static string Trained { get; } = Path.Combine(Tidy.Repository.Root, "models", "tiny", "tiny.gguf");

    private static string OfShape(string shape) =>
        RandomModel.Write(Path.Combine(Folder.Value, $"{shape}.gguf"), new RandomModelOptions { Shape = shape, NormScale = 8 })[0];

    public static string Vocabulary(string name) => Path.Combine(Tidy.Repository.Root, "tests", "data", "vocab", name);

    /// <summary>The program as the build lays it beside the tests.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "stoker");

    public static RunnerStart Start(TempFolder folder) => new() { Program = Program, RunFolder = folder.Path };
}
