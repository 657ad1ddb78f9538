using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary>A request as understood: what to generate, and how to tell it. Valid.</summary>
internal sealed record GenerationCall
{
    public required string Model { get; init; }
    public required GenerationRequest Request { get; init; }
    public bool Stream { get; init; }
    public bool IncludeUsage { get; init; }
    public StokerExtension Extension { get; init; } = new();

    /// <summary>What the engine is told about the caller.</summary>
    /// <exception cref="StokerException">Forbidden: over TCP a caller changes nothing about how models are loaded and kept. InvalidInput: a word that is none.</exception>
    public GenerationContext ContextFor(CallerTrust trust, string scope, IProgress<Core.Progress.StageProgress> progress)
    {
        var load = Extension.Load;
        if (trust == CallerTrust.Network && (load is not null || Extension.LoadOnly || Extension.KeepAliveS is not null))
            throw new StokerException(ErrorKind.Forbidden, "'stoker.context_tokens', 'stoker.threads' and what else says how a model is loaded or kept are for callers on the daemon's Unix socket.");
        return new GenerationContext(trust, progress)
        {
            Scope = scope,
            Load = load,
            LoadOnly = Extension.LoadOnly,
            KeepAlive = Extension.KeepAliveS is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        };
    }
}
