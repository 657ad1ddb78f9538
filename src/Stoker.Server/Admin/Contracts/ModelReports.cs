using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Supply;

namespace Stoker.Server.Admin.Contracts;

/// <summary>Installed models, newest first.</summary>
public sealed record ModelList(IReadOnlyList<ModelSummary> Models);

/// <summary>One line of <c>stoker list</c>.</summary>
public sealed record ModelSummary
{
    public required string Name { get; init; }
    public IReadOnlyList<string> Aliases { get; init; } = [];
    public required ModelSourceKind Source { get; init; }
    public string? Revision { get; init; }
    public long SizeBytes { get; init; }
    public int Files { get; init; }
    public DateTimeOffset PulledAt { get; init; }
    public bool Loaded { get; init; }

    /// <summary>Set for a repository that is kept file by file, which is not run.</summary>
    public FileSelection? Selection { get; init; }
}

/// <summary>All of <c>stoker show</c>; what the model file says was read by our own reader.</summary>
public sealed record ModelReport
{
    public required ModelSummary Summary { get; init; }

    /// <summary>E.g. <c>qwen2</c>.</summary>
    public string? Architecture { get; init; }

    /// <summary>The model's own name (<c>general.name</c>).</summary>
    public string? Title { get; init; }

    /// <summary>Weights in all, counted from the tensors.</summary>
    public long? Parameters { get; init; }

    /// <summary>E.g. <c>Q4_K_M</c>.</summary>
    public string? Quantisation { get; init; }

    /// <summary>Tokens it was trained for.</summary>
    public long? ContextTokens { get; init; }

    public long? EmbeddingLength { get; init; }
    public long? Layers { get; init; }
    public string? Tokenizer { get; init; }
    public long? VocabularySize { get; init; }
    public int? Tensors { get; init; }

    /// <summary>The chat template in the file, or null.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Licence id or text, as far as the model says.</summary>
    public string? License { get; init; }

    public ModelDefaults? Defaults { get; init; }
    public IReadOnlyList<ModelFileReport> Files { get; init; } = [];

    /// <summary>Why the model file's own words are missing above, or null.</summary>
    public string? Problem { get; init; }

    /// <summary>A file changed since it was verified: it is hashed before it is used.</summary>
    public bool IsUnverified { get; init; }

    /// <summary>What kind of problem: a file that is gone or damaged can be fetched again, one that is not understood cannot be helped so.</summary>
    public ErrorKind? ProblemKind { get; init; }
}

/// <summary>One file of a model.</summary>
public sealed record ModelFileReport
{
    public required string Name { get; init; }
    public required FileRole Role { get; init; }
    public long? SizeBytes { get; init; }

    /// <summary><c>sha256:…</c>, or null while unknown.</summary>
    public string? Digest { get; init; }

    /// <summary>Where it lies on this machine, or null.</summary>
    public string? Path { get; init; }
}

/// <summary>What <c>stoker rm</c> did.</summary>
/// <param name="Name">The model's full name.</param>
/// <param name="FreedBytes">Of blobs that no other model uses, or null when that is not known.</param>
public sealed record RemovedReport(string Name, long? FreedBytes);

/// <param name="DryRun">Only say what would go.</param>
public sealed record CollectRequest(bool DryRun);

/// <summary>What <c>stoker gc</c> removed, or would remove.</summary>
public sealed record CollectReport(bool DryRun, IReadOnlyList<CollectedItem> Items);

/// <summary>Loaded and loading models.</summary>
public sealed record LoadedList(IReadOnlyList<LoadedModel> Models);

/// <param name="Model">Null: all.</param>
/// <param name="Now">Running answers are ended instead of waited for.</param>
public sealed record UnloadRequest(string? Model, bool Now = false);

/// <param name="Unloaded">False when it was not loaded.</param>
/// <param name="Ended">Answers, or the load, that were ended for it.</param>
public sealed record UnloadReport(bool Unloaded, int Ended);
