using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine.Chat;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;

namespace Stoker.Engine;

/// <summary>
/// From a model's name to a runner that answers: all the branching and none of the work. Each step reports its stage.
/// <list type="number">
/// <item>resolve: what the name means among installed models (<see cref="IModelSource.FindAsync"/>)</item>
/// <item>hold the files (<see cref="IModelSource.HoldAsync"/>; fetching is a pull's job), and let our own reader accept them before llama.cpp sees them</item>
/// <item>make room: what is loaded goes, the budget agrees (<see cref="MemoryLedger"/>)</item>
/// <item>start a runner (<see cref="Runner.StartAsync"/>)</item>
/// <item>load (<see cref="Runner.LoadAsync"/>)</item>
/// <item>warm: a first short answer that nobody sees (<see cref="Runner.WarmAsync"/>)</item>
/// </list>
/// Steps 2 to 6 are done by whoever has the pool's turn.
/// </summary>
public sealed class ModelLoader(IModelSource source, RunnerPool pool, MemoryLedger ledger, TimeProvider time)
{
    /// <summary>Step 1. Null: there is no such model here.</summary>
    public Task<ModelManifest?> ResolveAsync(string model, CallerTrust trust, CancellationToken cancellationToken) =>
        source.FindAsync(model, trust, cancellationToken);

    /// <summary>Steps 2 to 6, or nothing when that very model is loaded already. Call with the pool's turn.</summary>
    /// <exception cref="StokerException">NotFound, Corrupt, Unsupported, OutOfMemory, Unavailable.</exception>
    public async Task<RunningModel> LoadAsync(ModelManifest manifest, GenerationContext context, CancellationToken cancellationToken)
    {
        var progress = context.Progress ?? NoProgress.Instance;
        var options = RequestDefaults.Apply(context.Load, manifest.Defaults, pool.Options.Load);

        // 2. Hold, and read it ourselves.
        var files = await source.HoldAsync(manifest, cancellationToken);
        var isHeld = true;
        try
        {
            var identity = FileIdentity.Of(files.WeightPaths);
            if (pool.Current is { } current && IsTheSame(current, manifest, identity, options, context.Load)) return current;
            pool.BeginLoad(manifest, options);
            var model = await AcceptAsync(manifest, files, progress, cancellationToken);

            // 3. Make room.
            var memory = await MakeRoomAsync(manifest, model, options, progress, cancellationToken);

            // 4. to 6. Start, load, warm.
            var loaded = await StartAsync(manifest, model, identity, options, files, memory, progress, cancellationToken);
            isHeld = false; // the running model holds it now
            pool.EndLoad(loaded);
            return loaded;
        }
        finally
        {
            if (isHeld)
            {
                files.Dispose();
                pool.EndLoad(null);
            }
        }
    }

    /// <summary>A loaded model serves a request that names no options of its own, however it was loaded.</summary>
    private static bool IsTheSame(RunningModel current, ModelManifest manifest, string identity, LoadOptions options, LoadOptions? asked) =>
        current.Manifest.Name == manifest.Name && current.Identity == identity
        && (asked is null || asked == new LoadOptions() || current.Options == options);

    private async Task<GgufModel> AcceptAsync(ModelManifest manifest, IModelHold files, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.Verify, manifest.Name, time);
        var model = await Task.Run(() => GgufModel.Open(files.WeightPaths), cancellationToken);
        if (!model.HasWeights)
            throw new StokerException(ErrorKind.Unsupported, $"{manifest.Name} holds a vocabulary and no weights: it can tokenise, but not generate.");
        step.Done(model.SizeBytes);
        return model;
    }

    private async Task<MemoryLease> MakeRoomAsync(ModelManifest manifest, GgufModel model, LoadOptions options, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.MakeRoom, manifest.Name, time);
        await pool.UnloadCurrentAsync();
        cancellationToken.ThrowIfCancellationRequested();
        var trained = (int)Math.Clamp(model.Metadata.ContextLength ?? 0, 0, int.MaxValue);
        var estimate = ModelMemoryEstimate.Of(model, new ModelMemoryOptions
        {
            ContextTokens = RunnerModel.ContextTokens(options.ContextTokens, trained),
            Repack = options.Repack ?? true,
            MicroBatchTokens = RunnerModel.MicroBatchTokens,
        });
        var lease = ledger.Reserve(manifest.Name, estimate);
        step.Done(estimate.TotalBytes);
        return lease;
    }

    private async Task<RunningModel> StartAsync(
        ModelManifest manifest, GgufModel model, string identity, LoadOptions options, IModelHold files, MemoryLease memory, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.Load, manifest.Name, time);
        Runner? runner = null;
        try
        {
            Action<string>? log = pool.Options.Log is { } told ? line => told(manifest.Name, line) : null;
            runner = await Runner.StartAsync(pool.Options.Start, log, time, cancellationToken);
            var command = new LoadCommand { Paths = files.WeightPaths, ContextTokens = options.ContextTokens, Threads = options.Threads, Repack = options.Repack };
            var report = await runner.LoadAsync(command, fraction => step.Progress((long)(fraction * model.SizeBytes), model.SizeBytes), cancellationToken);
            await runner.WarmAsync(cancellationToken);
            memory.MarkAllocated();
            step.Done(model.SizeBytes, $"context {report.ContextTokens}, {report.Threads} {(report.Threads == 1 ? "thread" : "threads")}");
            return new RunningModel(manifest, identity, options, runner, report, files, memory);
        }
        catch (Exception error)
        {
            memory.Dispose();
            // Not every failure is a crash: a library that does not load leaves the runner alive to say so.
            var crashed = error is StokerException { Kind: ErrorKind.Unavailable } && (runner is null || runner.Gone.IsCompleted);
            if (runner is not null) await runner.DisposeAsync();
            if (crashed) pool.NoteCrash(manifest, error.Message);
            throw;
        }
    }

    private sealed class NoProgress : IProgress<StageProgress>
    {
        internal static readonly NoProgress Instance = new();

        public void Report(StageProgress value)
        {
        }
    }
}
