using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Runners;

/// <summary>A loaded model: its process, the files it holds and the memory that is set aside for it. Disposing unloads it.</summary>
public sealed class RunningModel : IAsyncDisposable
{
    private static readonly TimeSpan ClosePatience = TimeSpan.FromSeconds(2);
    private readonly IModelHold _files;
    private readonly MemoryLease _memory;
    private int _crashTaken;

    public RunningModel(ModelManifest manifest, string identity, LoadOptions options, Runner runner, LoadedReport report, IModelHold files, MemoryLease memory)
    {
        Manifest = manifest;
        Identity = identity;
        Options = options;
        Runner = runner;
        Report = report;
        _files = files;
        _memory = memory;
    }

    public ModelManifest Manifest { get; }

    /// <summary>Says which bytes were loaded; another one means the file was replaced (<see cref="FileIdentity"/>).</summary>
    public string Identity { get; }

    /// <summary>How it was asked to be loaded.</summary>
    public LoadOptions Options { get; }
    public Runner Runner { get; }
    public LoadedReport Report { get; }
    public long ReservedBytes => _memory.Estimate.TotalBytes;

    /// <summary>Answers finished.</summary>
    public long Answers { get; set; }

    /// <summary>True once we ended it ourselves: its end is no crash.</summary>
    public bool IsUnloading { get; private set; }

    /// <summary>Whether a request for this model is for this very one: a request that names no options of its own takes it however it was loaded.</summary>
    /// <param name="options">What it would be loaded with.</param>
    /// <param name="asked">What the request names.</param>
    public bool Serves(ModelManifest manifest, LoadOptions options, LoadOptions? asked) =>
        IsOf(manifest) && (asked is null || asked == new LoadOptions() || !LoadDifference.Of(Options, Report, options).Any());

    /// <summary>However it was loaded.</summary>
    public bool IsOf(ModelManifest manifest) =>
        Manifest.Name == manifest.Name && Manifest.Files.Select(static file => file.Digest).SequenceEqual(manifest.Files.Select(static file => file.Digest));

    /// <summary>False: other bytes lie where its files were.</summary>
    public bool IsUnchanged => Identity == FileIdentity.Of(_files.WeightPaths);

    /// <summary>True once, when its runner ended by itself.</summary>
    public bool TryTakeCrash() => Runner.Gone.IsCompleted && !IsUnloading && Interlocked.Exchange(ref _crashTaken, 1) == 0;

    public async ValueTask DisposeAsync()
    {
        IsUnloading = true;
        await CloseSessionsAsync();
        await Runner.DisposeAsync();
        _files.Dispose();
        _memory.Dispose();
    }

    // Sessions that were closed need no care when they are opened again; those that are not are none the worse for it.
    private async Task CloseSessionsAsync()
    {
        using var patience = new CancellationTokenSource(ClosePatience);
        try
        {
            await Runner.CancelledEndAsync().WaitAsync(patience.Token); // what was broken off is saved before it ends
            if (!Runner.Gone.IsCompleted) await Runner.CloseSessionAsync(null, null, patience.Token);
        }
        catch (Exception error) when (error is StokerException or OperationCanceledException)
        {
            // it is about to end anyway
        }
    }
}
