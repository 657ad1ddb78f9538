using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Bench.Kv;

/// <summary>The engine's context: a slot for each conversation, its cells in a file of its own.</summary>
internal sealed class SsdSide : KvSide
{
    // What a decode loop keeps reserved ahead, so that most tokens ask the file system nothing.
    private const int ReserveAhead = 256;

    // As the runner's loop: after shorter prompts the work memory is not worth giving back.
    private const int LongPrompt = 1024;
    private const string SessionName = "kept";

    private static readonly SessionIdentity Identity = new() { Model = "bench", ModelDigest = "bench", Runtime = "bench", KvTypes = "f16/f16", Rope = "bench", Shape = "bench" };

    private readonly KvChain?[] _chains;
    private readonly SessionStore _store;
    private OpenSession? _session;
    private readonly int[] _reserved;
    private int _files;

    private SsdSide(KvContext kv, KvLayout layout, string folder)
    {
        Kv = kv;
        Layout = layout;
        Folder = folder;
        _chains = new KvChain?[kv.Slots];
        _store = new SessionStore(new SessionStoreOptions { Root = Path.Combine(folder, "sessions") }, TimeProvider.System);
        _reserved = new int[kv.Slots];
        for (var slot = 0; slot < kv.Slots; slot++) Enter(slot, new KvChain([], NewFile()), default);
    }

    public KvContext Kv { get; }

    public KvLayout Layout { get; }

    public string Folder { get; }

    public override LlamaContext Context => Kv.Context;

    public override string Mode => "ssd";

    /// <exception cref="InvalidOperationException">Its cells lie in memory, for the reason in the message: nothing to measure.</exception>
    public static SsdSide Open(LlamaLibrary library, LlamaModel model, KvChildOptions options)
    {
        var kv = KvContext.Create(library, model, new KvOptions
        {
            Mode = KvMode.Ssd,
            ContextTokens = options.ContextTokens,
            Slots = options.Slots,
            Threads = options.Threads,
            MicroBatch = options.MicroBatch,
            SessionsFolder = options.Folder,
        });
        if (kv.Layout is { } layout) return new SsdSide(kv, layout, options.Folder);
        kv.Dispose();
        throw new InvalidOperationException($"The cells lie in memory: {kv.Reason}");
    }

    /// <summary>Cells that are reserved when a few are written behind what is there.</summary>
    public static int ReservedFor(int cells) => cells + ReserveAhead;

    public override int Chunk(int depth) => PrefillPlan.TokensAtOnce(depth, Kv.Context.MicroBatchTokens);

    public override void Reserve(int slot, int cells)
    {
        if (cells <= _reserved[slot]) return;
        _reserved[slot] = Math.Min(ReservedFor(cells), Kv.ContextTokensPerSlot);
        Kv.Reserve(slot, _reserved[slot]);
    }

    public override void Begin(int slot)
    {
        Leave(slot).Chain.Dispose();
        Enter(slot, new KvChain([], NewFile()), default);
    }

    public override void AfterPrompt(int tokens)
    {
        if (tokens >= LongPrompt) Kv.ReleaseCompute();
    }

    /// <summary>Named, so that its blocks can be counted from outside; the parent removes the folder.</summary>
    public KvFile NewFile() => KvFile.Create(Path.Combine(Folder, $"{++_files}.kv"), Layout);

    public KvChain ChainOf(int slot) => _chains[slot] ?? _session!.Chain!;

    /// <summary>A chain enters an empty slot and is the slot's from now on.</summary>
    public void Enter(int slot, KvChain chain, KvState state)
    {
        _chains[slot] = chain;
        _reserved[slot] = 0;
        Kv.Attach(slot, chain, state.Cells, state.State);
    }

    /// <summary>Takes the conversation out of its slot; the chain is the caller's from now on.</summary>
    public (KvChain Chain, KvState State) Leave(int slot) => (_chains[slot]!, Kv.Detach(slot));

    /// <summary>A new session enters the slot in place of what it has.</summary>
    public void EnterNewSession(int slot)
    {
        Leave(slot).Chain.Dispose();
        _session = _store.Create(SessionName, "", Identity, Layout);
        EnterSession(slot);
    }

    /// <summary>Makes what the slot has now the session's last snapshot.</summary>
    public void SaveSession(int slot)
    {
        var state = Kv.Capture(slot);
        _session!.Save(new SessionSnapshot { Tokens = Enumerable.Range(0, state.Cells).ToArray(), State = state.State });
    }

    /// <summary>The session leaves the slot and is closed.</summary>
    public void CloseSession(int slot)
    {
        Kv.Detach(slot);
        _session!.Dispose();
    }

    /// <summary>The closed session is opened from its folder and enters the slot.</summary>
    public void OpenSession(int slot)
    {
        _session = _store.Open(SessionName, "", Identity, Layout);
        EnterSession(slot);
    }

    public override void Dispose()
    {
        Kv.Dispose();
        foreach (var chain in _chains) chain?.Dispose();
        _session?.Dispose();
    }

    private void EnterSession(int slot)
    {
        var snapshot = _session!.Snapshot;
        _chains[slot] = null; // the session's own
        _reserved[slot] = 0;
        Kv.Attach(slot, _session.Chain, snapshot.Cells, snapshot.State);
    }
}
