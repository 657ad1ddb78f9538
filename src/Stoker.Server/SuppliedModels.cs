using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine;
using Stoker.Supply;

namespace Stoker.Server;

/// <summary>Supply as the engine wants to see it.</summary>
internal sealed class SuppliedModels(ModelSupply supply) : IModelSource
{
    /// <summary>Those that can be run: a repository that is kept whole is for other programs.</summary>
    public async Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken) =>
        [.. (await supply.ListAsync(cancellationToken)).Where(static model => model.Selection is null)];

    public Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken) => supply.FindAsync(name, trust, cancellationToken);

    public async Task<IModelHold> HoldAsync(ModelManifest manifest, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        if (manifest.Selection is not null)
            throw new StokerException(ErrorKind.Unsupported, $"{manifest.Name} is kept as a repository of files, which other programs read; Stoker runs GGUF models. Look for a repository whose name ends in -GGUF, or name one file: {manifest.Name}:file.gguf");
        return new Hold(await supply.HoldAsync(manifest, progress, cancellationToken));
    }

    private sealed class Hold(ModelLease lease) : IModelHold
    {
        public IReadOnlyList<string> WeightPaths => lease.WeightPaths;

        public void Dispose() => lease.Dispose();
    }
}
