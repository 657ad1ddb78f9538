using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply;
using Stoker.Supply.Sources;

namespace Stoker.Engine;

/// <summary>What supply keeps, as the engine asks for it.</summary>
/// <param name="supply">The store and its sources; disposed by its owner.</param>
/// <param name="ownAccess">The daemon's own way to the origins, for what an installed model has lost: nobody's token.</param>
public sealed class SuppliedModels(ModelSupply supply, SourceAccess ownAccess) : IModelSource
{
    public Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken) => supply.ListAsync(cancellationToken);

    public Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken) => supply.FindAsync(name, trust, cancellationToken);

    public async Task FetchMissingAsync(ModelManifest manifest, CallerTrust trust, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        if (supply.IsComplete(manifest)) return;
        if (trust == CallerTrust.Network)
            throw new StokerException(ErrorKind.Unavailable, $"Files of {manifest.Name} are missing on the server; its owner can fetch them again: stoker pull {manifest.Name}");
        await supply.FetchMissingAsync(manifest, ownAccess with { Trust = trust }, progress, cancellationToken);
    }

    public async Task<IModelHold> HoldAsync(ModelManifest manifest, CancellationToken cancellationToken) =>
        new Hold(await supply.HoldAsync(manifest, cancellationToken));

    private sealed class Hold(ModelLease lease) : IModelHold
    {
        public IReadOnlyList<string> WeightPaths => lease.WeightPaths;

        public void Dispose() => lease.Dispose();
    }
}
