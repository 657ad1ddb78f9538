using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Supply;

namespace Stoker.Server;

/// <summary>Supply as the engine wants to see it.</summary>
internal sealed class SuppliedModels(ModelSupply supply) : IModelSource
{
    public Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken) => supply.ListAsync(cancellationToken);

    public Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken) => supply.FindAsync(name, trust, cancellationToken);

    public async Task<IModelHold> HoldAsync(ModelManifest manifest, CancellationToken cancellationToken) =>
        new Hold(await supply.HoldAsync(manifest, cancellationToken));

    private sealed class Hold(ModelLease lease) : IModelHold
    {
        public IReadOnlyList<string> WeightPaths => lease.WeightPaths;

        public void Dispose() => lease.Dispose();
    }
}
