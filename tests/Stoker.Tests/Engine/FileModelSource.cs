using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine;

namespace Stoker.Tests.Engine;

/// <summary>Supply that knows files by name, and counts what is held.</summary>
internal sealed class FileModelSource : IModelSource
{
    private readonly Dictionary<string, (ModelManifest Manifest, IReadOnlyList<string> Paths)> _models = [];
    private int _held;

    public int Held => Volatile.Read(ref _held);

    public FileModelSource Add(string name, IReadOnlyList<string> paths, ModelDefaults? defaults = null, ModelSourceKind kind = ModelSourceKind.File)
    {
        var files = paths.Select(static path => new ManifestFile { Name = Path.GetFileName(path), Role = FileRole.Weights }).ToArray();
        _models[name] = (new ModelManifest { Name = name, Source = kind, Files = files, Defaults = defaults }, paths);
        return this;
    }

    public Task<IReadOnlyList<ModelManifest>> ListAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelManifest>>([.. _models.Values.Select(static model => model.Manifest)]);

    public Task<ModelManifest?> FindAsync(string name, CallerTrust trust, CancellationToken cancellationToken) =>
        Task.FromResult(_models.TryGetValue(name, out var model) ? model.Manifest : null);

    public Task<IModelHold> HoldAsync(ModelManifest manifest, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _held);
        return Task.FromResult<IModelHold>(new Hold(this, _models[manifest.Name].Paths));
    }

    private sealed class Hold(FileModelSource source, IReadOnlyList<string> paths) : IModelHold
    {
        private int _disposed;

        public IReadOnlyList<string> WeightPaths => paths;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) Interlocked.Decrement(ref source._held);
        }
    }
}
