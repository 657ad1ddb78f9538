using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Numbers in the metadata on which libllama aborts the process instead of refusing the file. Found by loading models with one
/// number replaced; what it refuses by itself is left to it.
/// </summary>
internal static class GgufShapeCheck
{
    /// <summary>LLAMA_MAX_LAYERS (llama-hparams.h).</summary>
    private const int MaxLayers = 512;

    /// <exception cref="StokerException">Corrupt: a number that no model can have.</exception>
    public static void Check(GgufFile file)
    {
        if (!file.HasWeights || file.Metadata.Architecture is not { } architecture) return;
        Within("block_count", 1, MaxLayers);
        Within("embedding_length", 1, int.MaxValue);
        if (file.Metadata.OfArchitecture("rope.dimension_count") is { } rotated && (rotated % 2 != 0 || rotated < 0)) throw Bad("rope.dimension_count", $"{rotated}", "even");
        foreach (var name in new[] { "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "attention.group_norm_epsilon" })
        {
            if (file.Metadata.Values.GetValueOrDefault($"{architecture}.{name}")?.Number is { } epsilon && !(epsilon is >= 0 and <= 1))
                throw Bad(name, epsilon.ToString(System.Globalization.CultureInfo.InvariantCulture), "0 to 1");
        }

        void Within(string name, long least, long most)
        {
            if (file.Metadata.OfArchitecture(name) is { } value && (value < least || value > most)) throw Bad(name, $"{value}", $"{least} to {most}");
        }

        StokerException Bad(string name, string value, string range) => new(
            ErrorKind.Corrupt,
            $"{Printable.Short(Path.GetFileName(file.Path))}: {Printable.Short(architecture)}.{name} is {value}, which no model has ({range}). Fetch the file again, or convert the model anew.");
    }
}
