using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;

namespace Stoker.Engine;

/// <summary>What the engine asks of supply. Thread-safe.</summary>
public interface IModelSource
{
    /// <summary>Models that can be named without fetching anything, newest first.</summary>
    Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken);

    /// <summary>What a name means here, or null; a path for the owner alone.</summary>
    Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken);

    /// <summary>
    /// Holds the model's files for as long as it is loaded. Fetches nothing: tokens and endpoints travel with a pull and are
    /// forgotten with it.
    /// </summary>
    /// <exception cref="StokerException">Corrupt, NotFound: a file is damaged or gone; the message names the pull that brings it back.</exception>
    Task<IModelHold> HoldAsync(ModelManifest manifest, IProgress<StageProgress> progress, CancellationToken cancellationToken);
}

/// <summary>Files that stay where they are until this is disposed.</summary>
public interface IModelHold : IDisposable
{
    /// <summary>Absolute paths of the weights in the order of their split numbers.</summary>
    IReadOnlyList<string> WeightPaths { get; }
}
