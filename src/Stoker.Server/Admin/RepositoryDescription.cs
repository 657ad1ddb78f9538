using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Formats.Safetensors;
using Stoker.Server.Admin.Contracts;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>What <c>stoker show</c> tells of a repository that is kept whole: the words of its config.json and the headers of its safetensors.</summary>
internal static class RepositoryDescription
{
    private const int MaxConfigBytes = 1 << 20;

    public static ModelReport Read(ModelReport report, ModelPlaces places)
    {
        var config = Config(places) ?? new TransformersConfig(null, null, null, null, null, null, null);
        var tensors = Tensors(places);
        return report with
        {
            Architecture = config.ModelType ?? (config.Architectures is [var first, ..] ? first : null),
            ContextTokens = config.MaxPositionEmbeddings,
            Layers = config.NumHiddenLayers,
            EmbeddingLength = config.HiddenSize,
            VocabularySize = config.VocabSize,
            Quantisation = tensors.Count > 0 ? tensors.MaxBy(static tensor => tensor.SizeBytes)!.Type.ToString() : config.TorchDtype,
            Parameters = tensors.Count > 0 ? tensors.Sum(static tensor => tensor.Elements) : null,
            Tensors = tensors.Count > 0 ? tensors.Count : null,
        };
    }

    private static TransformersConfig? Config(ModelPlaces places)
    {
        var at = places.Manifest.Files.ToList().FindIndex(static file => file.Name == "config.json");
        if (at < 0 || places.Manifest.Files[at].SizeBytes > MaxConfigBytes) return null;
        try
        {
            using var stream = File.OpenRead(places.Paths[at]);
            return JsonSerializer.Deserialize(stream, TransformersJson.Default.TransformersConfig);
        }
        catch (JsonException)
        {
            return null; // other programs may read it all the same
        }
    }

    private static List<SafetensorsTensor> Tensors(ModelPlaces places)
    {
        var paths = places.Manifest.Files.Zip(places.Paths).Where(static pair => pair.First.Name.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase));
        return [.. paths.SelectMany(static pair => SafetensorsFile.Open(pair.Second).Tensors)];
    }
}

/// <summary>What transformers' config.json says of a model's shape.</summary>
internal sealed record TransformersConfig(
    string? ModelType, IReadOnlyList<string>? Architectures, long? MaxPositionEmbeddings, long? NumHiddenLayers, long? HiddenSize, long? VocabSize, string? TorchDtype);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, MaxDepth = 32)]
[JsonSerializable(typeof(TransformersConfig))]
internal sealed partial class TransformersJson : JsonSerializerContext;
