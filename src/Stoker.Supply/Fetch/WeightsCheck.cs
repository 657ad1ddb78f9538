using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
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
    internal static GgufModel Accept(ModelManifest manifest, IReadOnlyList<string> paths, ModelResolver resolver)
    {
        var model = GgufModel.Open(paths);
        if (manifest.Source != ModelSourceKind.Ollama) return model;
        if (model.Metadata.Architecture is { } name && ForeignArchitectures.Contains(name))
            throw resolver.NotLoadable(manifest, $"its architecture '{Printable.Short(name)}' belongs to Ollama's own engine");
        if (model.Tensors.FirstOrDefault(static tensor => VisionTensors.Any(prefix => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))) is { } vision)
            throw resolver.NotLoadable(manifest, $"its file holds a vision part ('{Printable.Short(vision.Name)}') for Ollama's own engine");
        return model;
    }
}
