using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// The one model of a runner, its context and the answers from it. Everything comes from one thread, the runner's decode thread.
/// </summary>
public sealed class RunnerModel
{
    /// <summary>Context when nobody names one: enough for a chat, small enough for any machine.</summary>
    public const int DefaultContextTokens = 8192;

    /// <summary>Prompt tokens decoded at once.</summary>
    public const int MicroBatchTokens = 512;

    private readonly LlamaModel _model;
    private readonly SlotLoop? _loop;
    private readonly SessionDesk? _desk;

    private RunnerModel(LlamaModel model, SlotLoop? loop, SessionDesk? desk)
    {
        _model = model;
        _loop = loop;
        _desk = desk;
    }

    public required LoadedReport Report { get; init; }

    /// <summary>Nothing is decoded and nobody waits for that.</summary>
    public bool IsIdle => _loop is not { IsIdle: false };

    /// <summary>While it is idle: how long nothing is to be done. Then a step is due.</summary>
    public TimeSpan Wait => _loop?.Wait ?? Timeout.InfiniteTimeSpan;

    /// <summary>Loads and makes the context.</summary>
    /// <param name="library">llama.cpp.</param>
    /// <param name="command">What to load.</param>
    /// <param name="progress">Told of 0 to 1.</param>
    /// <param name="newSeed">For requests without a seed.</param>
    /// <exception cref="StokerException">Corrupt, Unsupported or OutOfMemory, with llama.cpp's own words; Unsupported before anything is read: files were asked for and their folder is of no use.</exception>
    public static RunnerModel Load(LlamaLibrary library, LoadCommand command, Action<float>? progress, Func<uint> newSeed, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        if (!command.VocabularyOnly) KvFolder.Check(command.Kv, command.SessionsFolder);
        LlamaModel? model = null;
        KvContext? kv = null;
        try
        {
            var options = new ModelLoadOptions { VocabularyOnly = command.VocabularyOnly, Repack = command.Repack, GpuLayers = command.GpuLayers };
            model = LlamaModel.Load(library, command.Paths, options, progress, cancellationToken);
            var processors = OwnProcess.AllowedProcessors();
            var threads = command.Threads is { } asked ? DecodeThreads.Asked(asked, processors.Count) : DecodeThreads.ForModel(model.SizeBytes, DecodeThreads.Count(processors, "/"));
            var contextTokens = command.VocabularyOnly ? 0 : ContextTokens(command.ContextTokens, model.TrainedContextTokens);
            if (!command.VocabularyOnly) kv = CreateContext(library, model, command, contextTokens, threads);
            kv?.ReleaseCompute(); // what its checks computed with
            cancellationToken.ThrowIfCancellationRequested();
            var (table, desk) = kv is null ? default : DeskOf(library, model, kv, command);
            return new RunnerModel(model, table is null ? null : LoopOf(library, model, table, desk, contextTokens, newSeed), desk)
            {
                Report = new LoadedReport
                {
                    Description = model.Description,
                    ContextTokens = contextTokens,
                    TrainedContextTokens = model.TrainedContextTokens,
                    Threads = threads,
                    VocabularySize = model.VocabularySize,
                    HasChatTemplate = model.ChatTemplate is not null,
                    LoadMs = watch.Elapsed.TotalMilliseconds,
                    Slots = kv?.Slots ?? 1,
                    KvMode = kv?.Mode ?? KvMode.Ram,
                    KvReason = kv?.Reason,
                    GpuReason = WhyNoGpu(command.GpuLayers, library.HasGpu),
                },
            };
        }
        catch (Exception error)
        {
            kv?.Dispose();
            model?.Dispose();
            if (error is LlamaException refused) throw LlamaErrors.ToStoker(refused);
            throw;
        }
    }

    /// <summary>The context that a model gets. Pure.</summary>
    public static int ContextTokens(int? asked, int trained) => asked ?? (trained > 0 ? Math.Min(trained, DefaultContextTokens) : DefaultContextTokens);

    /// <summary>Why layers that were asked for do not lie on a GPU; null: none were, or they do. Pure.</summary>
    public static string? WhyNoGpu(int? layers, bool hasGpu) => layers > 0 && !hasGpu ? "this llama.cpp has no GPU: --ngl is without effect" : null;

    /// <summary>
    /// The largest state of a conversation in memory that may be copied: a runner's heap is limited, the session in each slot holds its
    /// last state and reading or saving one takes another two. Pure.
    /// </summary>
    public static long MostStateBytes(long heapBytes, int slots) => Math.Min(Array.MaxLength, heapBytes / (2 * (slots + 2)));

    public int[] Tokenize(TokenizeCommand command)
    {
        if (!_model.HasVocabulary) throw new StokerException(ErrorKind.Unsupported, "This model has no vocabulary.");
        return _model.Tokenize(command.Text, command.AddSpecial, command.ParseSpecial);
    }

    /// <summary>Begins an answer as soon as a slot is free; <see cref="Step"/> carries it on.</summary>
    internal void Join(GenerationRequest request, IAnswerTarget target)
    {
        if (_loop is not null) _loop.Join(request, target);
        else target.Fail(ErrorKind.Unsupported, "This file holds a vocabulary and no weights: it can tokenise, but not generate.");
    }

    /// <summary>One step of all answers. False: every receiver is behind.</summary>
    public bool Step() => _loop?.Step() ?? true;

    /// <summary>For when nobody waits, before waiting for somebody.</summary>
    public void Rest() => _loop?.Rest();

    /// <summary>Lets sessions go.</summary>
    /// <exception cref="StokerException">Busy: somebody answers in it.</exception>
    public void Close(CloseSessionCommand command) => _desk?.Close(command.NameOrId, command.Scope);

    // What RunnerStart's environment limits it to.
    private static long HeapBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static KvContext CreateContext(LlamaLibrary library, LlamaModel model, LoadCommand command, int contextTokens, int threads)
    {
        if (!model.HasDecoder || model.HasEncoder)
            throw new StokerException(ErrorKind.Unsupported, $"'{model.Description}' is not a text generator (it has an encoder): only decoder models can be run.");
        var options = new KvOptions
        {
            Mode = command.Kv,
            ContextTokens = contextTokens,
            Slots = command.Slots ?? 1,
            KeyType = command.KvType,
            ValueType = command.KvType,
            Threads = threads,
            MicroBatch = MicroBatchTokens,
            SessionsFolder = command.SessionsFolder,
            MayOffload = library.HasGpu && command.GpuLayers != 0,
            WindowTokens = command.KvWindowTokens,
            MostStateBytes = MostStateBytes(HeapBytes, command.Slots ?? 1),
        };
        var kv = KvContext.Create(library, model, options);
        // In memory every slot takes a whole cache: where that was not foreseen, fewer are made.
        if (kv.Mode != KvMode.Ram || command.SlotsInMemory is not { } fewer || fewer >= kv.Slots) return kv;
        kv.Dispose();
        return KvContext.Create(library, model, options with { Slots = fewer });
    }

    private static SlotLoop LoopOf(LlamaLibrary library, LlamaModel model, SlotTable table, SessionDesk? desk, int contextTokens, Func<uint> newSeed)
    {
        var bytes = new byte[]?[model.VocabularySize];
        return new SlotLoop(new SlotModel(library, model, contextTokens, token => bytes[token] ??= model.TokenBytes(token), newSeed), table, desk);
    }

    private static (SlotTable Table, SessionDesk? Desk) DeskOf(LlamaLibrary library, LlamaModel model, KvContext kv, LoadCommand command)
    {
        var idle = new IdlePages(command.IdleAfterMs is { } after ? TimeSpan.FromMilliseconds(after) : Timeout.InfiniteTimeSpan, TimeProvider.System);
        if (command.SessionsFolder is null) return (new SlotTable(kv, null) { Idle = idle, MostHeapBytes = HeapBytes / 4 }, null);
        var store = new SessionStore(
            new SessionStoreOptions { Root = command.SessionsFolder!, Sync = command.SyncSessions, QuotaBytes = command.SessionQuotaBytes }, TimeProvider.System);
        var identity = IdentityOf(library, model, kv, command);
        var cache = kv.Layout is { } layout && command.PromptCacheBytes > 0 ? new PromptCache(store, identity, layout, kv.CanTruncate, command.PromptCacheBytes) : null;
        if (cache is null) PromptCache.TrimBeside(store, command.PromptCacheBytes);
        var table = new SlotTable(kv, command.SessionsFolder) { Cache = cache, Idle = idle, MostHeapBytes = HeapBytes / 4 };
        return (table, new SessionDesk(store, identity, table, model.VocabularySize));
    }

    private static SessionIdentity IdentityOf(LlamaLibrary library, LlamaModel model, KvContext kv, LoadCommand command)
    {
        var architecture = model.Metadata("general.architecture") ?? "";
        string[] rope = ["rope.freq_base", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length"];
        return new SessionIdentity
        {
            Model = command.ModelName,
            ModelDigest = command.ModelDigest,
            Runtime = library.Fingerprint,
            KvTypes = $"{command.KvType}/{command.KvType}",
            Rope = string.Join(' ', rope.Select(key => $"{key}={model.Metadata($"{architecture}.{key}") ?? "-"}")),
            Shape = kv.Layout is { } layout ? $"files of {layout.Regions.Count} rows, {layout.CellBytes} bytes a cell" : $"state of {model.LayerCount} layers",
        };
    }
}
