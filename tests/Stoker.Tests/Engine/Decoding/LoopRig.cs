using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;
using Stoker.Tests.Engine.Runners;
using Stoker.Tests.Native.Llama;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>What a runner's decode thread does, step by step on the test's own thread: a model, its slots, sessions and prompt cache.</summary>
internal sealed class LoopRig : IDisposable
{
    private readonly LlamaModel _model;
    private readonly KvContext _kv;
    private readonly SlotLoop _loop;

    /// <param name="sessions">The folder of conversations.</param>
    /// <param name="around">Put around the ways into slots.</param>
    /// <param name="idleAfter">When conversations at rest are paged out.</param>
    /// <param name="cached">Conversations without a name are kept on disk.</param>
    /// <param name="time">The store's clock.</param>
    public LoopRig(string shape, string sessions, Func<KvSlots, KvSlots>? around = null, TimeSpan? idleAfter = null, bool cached = true, TimeProvider? time = null, int contextTokens = 2048)
    {
        _model = LlamaModel.Load(LoadedLlama.Library, [TestModels.OfShapeOnce(shape)], new ModelLoadOptions { Repack = false }, null, CancellationToken.None);
        _kv = KvContext.Create(LoadedLlama.Library, _model, new KvOptions { Mode = KvMode.Ssd, ContextTokens = contextTokens, Slots = 3, Threads = 1, MicroBatch = 512, SessionsFolder = sessions });
        var kv = around is null ? _kv : _kv.With(around);
        Store = new SessionStore(new SessionStoreOptions { Root = sessions }, time ?? TimeProvider.System);
        Identity = new SessionIdentity { Model = shape, ModelDigest = $"test:{shape}", Runtime = "test", KvTypes = "f16/f16", Rope = "", Shape = shape };
        Table = new SlotTable(kv, sessions)
        {
            Cache = cached ? new PromptCache(Store, Identity, kv.Layout!, kv.CanTruncate, 1L << 30) : null, Idle = new IdlePages(idleAfter ?? Timeout.InfiniteTimeSpan, TimeProvider.System),
        };
        var model = new SlotModel(LoadedLlama.Library, _model, contextTokens, token => _model.TokenBytes(token), static () => 1);
        Desk = new SessionDesk(Store, Identity, Table, _model.VocabularySize);
        _loop = new SlotLoop(model, Table, Desk);
    }

    public SlotTable Table { get; }
    public SessionDesk Desk { get; }
    public SessionStore Store { get; }
    public SessionIdentity Identity { get; }
    public KvLayout Layout => _kv.Layout!;

    /// <summary>The beginning of an answer, of so many tokens if nothing ends it.</summary>
    /// <param name="listener">Who asks; null: somebody who stays.</param>
    public Listener Begin(GenerationRequest request, int tokens = 24, Listener? listener = null)
    {
        listener ??= new Listener();
        _loop.Join(request with { MaxTokens = tokens, IgnoreEos = true, LogitHashes = true, ReusePrefix = true, Sampling = new SamplingOptions { Temperature = 0 } }, listener);
        return listener;
    }

    public Listener Begin(string text, int tokens = 24) => Begin(new GenerationRequest { Text = text }, tokens);

    /// <summary>One step, as a runner with work takes it.</summary>
    public void Step() => _loop.Step();

    /// <summary>What a runner does before it waits for somebody.</summary>
    public void Rest() => _loop.Rest();

    /// <summary>Steps until these have ended.</summary>
    public void Finish(params Listener[] listeners)
    {
        while (!listeners.All(static listener => listener.HasEnded))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            Step();
        }
    }

    /// <summary>A whole answer.</summary>
    public Listener Say(GenerationRequest request, int tokens = 24)
    {
        var listener = Begin(request, tokens);
        Finish(listener);
        return listener;
    }

    public Listener Say(string text, int tokens = 24) => Say(new GenerationRequest { Text = text }, tokens);

    /// <summary>Until nothing is done beside the decode thread any more.</summary>
    public async Task SettleAsync()
    {
        await Task.WhenAll(Table.Kept.Select(static kept => kept.Saving));
        if (Table.Cache is { } cache) await cache.TrimBeside();
    }

    public void Dispose()
    {
        _loop.Dispose();
        Table.Cache?.TrimBeside().GetAwaiter().GetResult(); // after this nothing is done in the folder any more
        _kv.Dispose();
        _model.Dispose();
    }

    /// <summary>Somebody who asked.</summary>
    internal sealed class Listener : IAnswerTarget
    {
        private readonly List<ulong> _hashes = [];
        private readonly List<int> _tokens = [];

        public CancellationToken Cancelled { get; init; }

        /// <summary>Called when it is asked whether it has room: after those who left were seen, before the step is decoded.</summary>
        public Action Asked { get; set; } = static () => { };

        public bool IsBehind { get; set; }

        public bool HasRoom
        {
            get
            {
                Asked();
                return !IsBehind;
            }
        }

        public bool HasEnded { get; private set; }
        public (ErrorKind Kind, string Message)? Failure { get; private set; }
        public GenerationUsage? Usage { get; private set; }
        public IReadOnlyList<ulong> Hashes => _hashes;
        public IReadOnlyList<int> Tokens => _tokens;

        /// <summary>How often it was told of its prompt.</summary>
        public int PromptSteps { get; private set; }

        public void Tell(GenerationEvent told)
        {
            if (told is TokensGenerated generated)
            {
                _hashes.AddRange(generated.Tokens.Select(static token => token.LogitHash!.Value));
                _tokens.AddRange(generated.Tokens.Select(static token => token.Id));
            }
            if (told is PrefillProgress) PromptSteps++;
            if (told is GenerationFinished finished) Usage = finished.Usage;
        }

        public void End() => HasEnded = true;

        public void Fail(ErrorKind kind, string message) => (HasEnded, Failure) = (true, (kind, message));
    }
}
