using Stoker.Core.Jobs;
using Stoker.Core.Settings;

namespace Stoker.Server.Admin.Contracts;

/// <summary>Fetch a model. The caller's own access travels with it and lives in memory for this job alone.</summary>
public sealed record PullRequest
{
    /// <summary>As typed, e.g. <c>hf:org/repo:Q4_K_M</c>. A relative path is made absolute by the client.</summary>
    public required string Reference { get; init; }

    /// <summary><c>huggingface</c>, <c>ollama</c>, or null: as configured.</summary>
    public string? Source { get; init; }

    /// <summary>Refuse other bytes than these (<c>sha256:…</c>); for a model of one file. Or null.</summary>
    public string? Digest { get; init; }

    /// <summary>Patterns of a repository's files that are wanted, or null.</summary>
    public IReadOnlyList<string>? Include { get; init; }

    /// <summary>Patterns of a repository's files that are not, or null.</summary>
    public IReadOnlyList<string>? Exclude { get; init; }

    /// <summary>The model is to be run: what no runner loads is refused before it is fetched.</summary>
    public bool ToRun { get; init; }

    /// <summary>Other places that have the files, or null.</summary>
    public IReadOnlyList<string>? Mirrors { get; init; }

    /// <summary>Bytes a second for this job, within what all jobs share; or null.</summary>
    public long? MaxRate { get; init; }

    /// <summary>An address that was fetched before is trusted to have what it had.</summary>
    public bool SkipRevalidation { get; init; }

    /// <summary>Null: nothing but what everybody may.</summary>
    public PullAccess? Access { get; init; }

    public override string ToString() => $"pull {Reference}";
}

/// <summary>What the caller's environment says about hubs. Never logged, never stored.</summary>
public sealed record PullAccess
{
    /// <summary><c>HF_TOKEN</c>, or the token file of <c>HF_HOME</c>.</summary>
    public string? HuggingFaceToken { get; init; }

    /// <summary><c>HF_ENDPOINT</c>.</summary>
    public string? HuggingFaceEndpoint { get; init; }

    /// <summary><c>STOKER_OLLAMA_REGISTRY</c>.</summary>
    public string? OllamaRegistry { get; init; }

    /// <summary>Ollama's folder of models on this machine, or null.</summary>
    public string? OllamaModels { get; init; }

    /// <summary>The cache of Hugging Face's clients on this machine, or null.</summary>
    public string? HuggingFaceCache { get; init; }

    /// <summary>Keys and endpoint of S3, or null.</summary>
    public S3Access? S3 { get; init; }

    /// <summary><c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c> or <c>ALL_PROXY</c>.</summary>
    public string? Proxy { get; init; }

    /// <summary><c>NO_PROXY</c>.</summary>
    public string? NoProxy { get; init; }

    /// <summary>A PEM file with certificate authorities trusted besides the system's, absolute, or null.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>STOKER_OFFLINE</c>: hosts other than loopback are refused.</summary>
    public bool Offline { get; init; }

    /// <summary>No secret leaves through a log.</summary>
    public override string ToString() => "(the caller's access)";
}

public sealed record JobList(IReadOnlyList<JobSnapshot> Jobs);
