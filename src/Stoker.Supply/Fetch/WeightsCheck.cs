using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Formats.Safetensors;
using Stoker.Core.Models;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>Our own reader's look at a model's weights before anything else may see them.</summary>
internal static class WeightsCheck
{
    // What this registry's own engine reads and the stock library does not: other names of architectures, and vision towers that
    // lie in the same file as the language model.
    private static readonly HashSet<string> ForeignArchitectures = new(StringComparer.Ordinal) { "mllama", "gptoss", "qwen25vl", "qwen3vl-ollama", "llama4-ollama", "deepseekocr" };
    private static readonly string[] VisionTensors = ["v.", "mm.", "vision."];

    /// <summary>Reads the headers of all parts.</summary>
    /// <exception cref="StokerException">Corrupt or Unsupported, saying what is wrong with which file.</exception>
    internal static void Accept(ModelManifest manifest, IReadOnlyList<string> paths, ModelResolver resolver)
    {
        if (manifest.Selection is not null)
        {
            AcceptRepository(manifest, paths);
            return;
        }
        var model = GgufModel.Open(paths);
        if (manifest.Source != ModelSourceKind.Ollama) return;
        if (model.Metadata.Architecture is { } name && ForeignArchitectures.Contains(name))
            throw resolver.NotLoadable(manifest, $"its architecture '{Printable.Short(name)}' belongs to Ollama's own engine");
        if (model.Tensors.FirstOrDefault(static tensor => VisionTensors.Any(prefix => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))) is { } vision)
            throw resolver.NotLoadable(manifest, $"its file holds a vision part ('{Printable.Short(vision.Name)}') for Ollama's own engine");
    }

    // What is kept for other programs may be newer than our reader, but it is not torn.
    private static void AcceptRepository(ModelManifest manifest, IReadOnlyList<string> paths)
    {
        var weights = manifest.Files.Where(static file => file.Role == FileRole.Weights);
        foreach (var (file, path) in weights.Zip(paths))
        {
            if (!file.Name.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) continue;
            try
            {
                SafetensorsFile.Open(path);
            }
            catch (StokerException newer) when (newer.Kind == ErrorKind.Unsupported)
            {
                // Its digest was right.
            }
        }
    }
}
