using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;
using Stoker.Server.Admin.Contracts;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>What <c>stoker show</c> tells: the manifest's facts, and the model file's own words through our own reader.</summary>
internal static class ModelDescription
{
    public static async Task<ModelReport> ReadAsync(ModelManifest manifest, ModelSummary summary, ModelSupply supply, CancellationToken cancellationToken)
    {
        var report = new ModelReport { Summary = summary, Defaults = manifest.Defaults, Files = Files(manifest, []) };
        try
        {
            // Our own reader may look at a file that is not verified again yet; whoever runs it verifies it.
            var places = supply.Locate(manifest);
            report = report with { Files = Files(manifest, places.Paths), IsUnverified = !places.IsSettled };
            // A header is read from the disk at once, which may take a while on a cold one.
            return await Task.Run(() => manifest.Selection is null ? Describe(report, GgufModel.Open(places.WeightPaths)) : RepositoryDescription.Read(report, places), cancellationToken);
        }
        catch (StokerException exception) when (exception.Kind is ErrorKind.Corrupt or ErrorKind.Unsupported or ErrorKind.Io or ErrorKind.NotFound)
        {
            // The manifest is worth showing all the more.
            return report with { Problem = exception.Message, ProblemKind = exception.Kind };
        }
    }

    private static ModelReport Describe(ModelReport report, GgufModel model) => report with
    {
        Architecture = model.Metadata.Architecture,
        Title = model.Metadata.Name,
        Parameters = model.HasWeights ? model.ParameterCount : null,
        Quantisation = model.Quantization,
        ContextTokens = model.Metadata.ContextLength,
        EmbeddingLength = model.Metadata.EmbeddingLength,
        Layers = model.Metadata.BlockCount,
        Tokenizer = model.Metadata.TokenizerModel,
        VocabularySize = model.Metadata.VocabularySize,
        Tensors = model.Tensors.Count,
        ChatTemplate = model.Metadata.ChatTemplate,
        License = model.Metadata.License,
    };

    /// <param name="manifest">Whose files.</param>
    /// <param name="paths">In the order of the manifest's files; empty while they are not held.</param>
    private static List<ModelFileReport> Files(ModelManifest manifest, IReadOnlyList<string> paths) => [.. manifest.Files.Select((file, i) => new ModelFileReport
    {
        Name = file.Name,
        Role = file.Role,
        SizeBytes = file.SizeBytes,
        Digest = file.Digest?.ToString(),
        Path = i < paths.Count ? paths[i] : null,
    })];
}
