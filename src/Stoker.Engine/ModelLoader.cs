using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Engine.Chat;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

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
/// Steps 2 to 6 are done by whoever has the pool's turn alone.
/// </summary>
public sealed class ModelLoader(IModelSource source, RunnerPool pool, MemoryLedger ledger, TimeProvider time)
{
    /// <summary>Step 1. Null: there is no such model here.</summary>
    public Task<ModelManifest?> ResolveAsync(string model, CallerTrust trust, CancellationToken cancellationToken) =>
        source.FindAsync(model, trust, cancellationToken);

    /// <summary>Steps 2 to 6, or nothing when that very model is loaded already. Call alone.</summary>
    /// <exception cref="StokerException">NotFound, Corrupt, Unsupported, OutOfMemory, Unavailable.</exception>
    public async Task<RunningModel> LoadAsync(ModelManifest manifest, GenerationContext context, CancellationToken cancellationToken)
    {
        var progress = context.Progress ?? NoProgress.Instance;
        var options = RequestDefaults.Apply(context.Load, manifest.Defaults, pool.Options.Load);

        // 2. Hold, and read it ourselves.
        var files = await source.HoldAsync(manifest, progress, cancellationToken);
        var isHeld = true;
        try
        {
            var identity = FileIdentity.Of(files.WeightPaths);
            if (pool.Current is { } current && current.Serves(manifest, options, context.Load) && current.Identity == identity) return current;
            KvFolder.Check(options.Kv ?? KvMode.Auto, pool.Options.SessionsFolder); // before what is loaded has to go for it
            pool.BeginLoad(manifest, options);
            var model = await AcceptAsync(manifest, files, progress, cancellationToken);

            // 3. Make room.
            var (room, memory) = await MakeRoomAsync(manifest, model, options, progress, cancellationToken);

            // 4. to 6. Start, load, warm.
            var loaded = await StartAsync(manifest, model, identity, options, files, room, memory, progress, cancellationToken);
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

    private async Task<GgufModel> AcceptAsync(ModelManifest manifest, IModelHold files, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.Verify, manifest.Name, time);
        var model = await Task.Run(() => GgufModel.Open(files.WeightPaths), cancellationToken);
        if (!model.HasWeights)
            throw new StokerException(ErrorKind.Unsupported, $"{manifest.Name} holds a vocabulary and no weights: it can tokenise, but not generate.");
        step.Done(model.Parts.Sum(static part => part.DataPositionBytes)); // the headers
        return model;
    }

    private async Task<(RoomPlan Room, MemoryLease Lease)> MakeRoomAsync(ModelManifest manifest, GgufModel model, LoadOptions options, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.MakeRoom, manifest.Name, time);
        await pool.UnloadCurrentAsync();
        cancellationToken.ThrowIfCancellationRequested();
        var room = RoomPlan.Of(model, options, pool.Options.SessionsFolder is not null, ledger.FreeBytes);
        var lease = ledger.Reserve(manifest.Name, room.Estimate);
        step.Done(room.Estimate.TotalBytes);
        return (room, lease);
    }

    private async Task<RunningModel> StartAsync(
        ModelManifest manifest, GgufModel model, string identity, LoadOptions options, IModelHold files, RoomPlan room, MemoryLease memory, IProgress<StageProgress> progress, CancellationToken cancellationToken)
    {
        var step = new StageClock(progress, Stage.Load, manifest.Name, time);
        Runner? runner = null;
        try
        {
            Action<string>? log = pool.Options.Log is { } told ? line => told(manifest.Name, line) : null;
            runner = await Runner.StartAsync(pool.Options.Start, log, time, cancellationToken);
            var command = CommandOf(manifest, identity, files, options, room);
            var cached = await Task.Run(() => CachedShare(files.WeightPaths, model.SizeBytes), cancellationToken);
            var report = await runner.LoadAsync(command, fraction => step.Progress((long)(fraction * model.SizeBytes), model.SizeBytes), cancellationToken);
            await runner.WarmAsync(cancellationToken);
            memory.MarkAllocated(room.Actual(report));
            var note = StartNote(report, cached);
            step.Done(model.SizeBytes, note, WarningOf(options, report));
            pool.NoteStart(manifest, report, step.Elapsed, $"{ByteCount.Text(model.SizeBytes)}, {note}", runner.ProcessId);
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

    /// <summary>How much of the weights need not be read from the disk, 0 to 1; null: the kernel does not say.</summary>
    private static double? CachedShare(IReadOnlyList<string> paths, long sizeBytes)
    {
        var cached = paths.Select(PageCache.ResidentBytes).ToArray();
        return sizeBytes == 0 || cached.Contains(null) ? null : Math.Min(1, (double)cached.Sum(static bytes => bytes!.Value) / sizeBytes);
    }

    private static string StartNote(LoadedReport report, double? cached)
    {
        static string Count(int count, string word) => count == 1 ? $"1 {word}" : $"{count} {word}s";
        var where = report.KvMode == KvMode.Ssd ? "files" : report.KvReason is { } why ? $"memory: {why}" : "memory";
        var pages = cached switch { null => "", >= 0.99 => "warm pages, ", <= 0.01 => "cold pages, ", { } share => $"{share * 100:0} % of the pages warm, " };
        return $"{pages}context {report.ContextTokens} in {Count(report.Slots, "slot")}, KV in {where}, {Count(report.Threads, "thread")}";
    }

    /// <summary>What was asked for, or would have been chosen, and is not so or of no use; null: nothing. Pure.</summary>
    internal static string? WarningOf(LoadOptions options, LoadedReport report)
    {
        var isInMemory = report.KvMode == KvMode.Ram;
        var cells = report.KvReason is { } why ? $"KV lies in memory, not in files: {why}" : null;
        var window = isInMemory && options.KvWindowTokens is not null ? "KV lies in memory: --kv-window is without effect" : null;
        var beyond = report.TrainedContextTokens > 0 && report.ContextTokens > report.TrainedContextTokens
            ? $"the context of {report.ContextTokens} tokens is larger than the {report.TrainedContextTokens} that the model was trained for: what comes after those makes little sense (--ctx {report.TrainedContextTokens})"
            : null;
        string[] all = [.. new[] { report.GpuReason, cells, window, beyond }.OfType<string>()];
        return all.Length == 0 ? null : string.Join("; ", all);
    }

    /// <summary>One word for the weights, or null: not all of them are known by their content.</summary>
    private static string? DigestOf(ModelManifest manifest)
    {
        var digests = manifest.Files.Where(static file => file.Role == FileRole.Weights).Select(static file => file.Digest?.ToString()).ToArray();
        return digests.Length == 0 || digests.Contains(null) ? null
            : digests.Length == 1 ? digests[0]
            : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', digests))))}";
    }

    private LoadCommand CommandOf(ModelManifest manifest, string identity, IModelHold files, LoadOptions options, RoomPlan room) => new()
    {
        Paths = files.WeightPaths,
        ContextTokens = options.ContextTokens,
        Threads = options.Threads,
        Repack = options.Repack,
        GpuLayers = options.GpuLayers,
        Slots = room.Slots,
        SlotsInMemory = room.SlotsInMemory,
        Kv = options.Kv ?? KvMode.Auto,
        KvType = options.KvType ?? KvType.F16,
        KvWindowTokens = options.KvWindowTokens,
        SessionsFolder = pool.Options.SessionsFolder,
        SessionQuotaBytes = pool.Options.SessionQuotaBytes,
        PromptCacheBytes = pool.Options.PromptCacheBytes,
        IdleAfterMs = pool.Options.IdleAfter < TimeSpan.Zero ? null : (long)pool.Options.IdleAfter.TotalMilliseconds,
        SyncSessions = options.SyncSessions ?? false,
        ModelName = manifest.Name,
        // What ships with the program comes anew with each build of it, maybe to another folder; a conversation outlives that.
        ModelDigest = DigestOf(manifest) ?? (manifest.Source == ModelSourceKind.Builtin ? FileIdentity.OfContent(files.WeightPaths) : identity),
    };

    private sealed class NoProgress : IProgress<StageProgress>
    {
        internal static readonly NoProgress Instance = new();

        public void Report(StageProgress value)
        {
        }
    }
}
