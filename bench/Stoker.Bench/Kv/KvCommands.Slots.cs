using System.Diagnostics;
using Stoker.Engine.Kv;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Bench.Kv;

/// <summary>Commands that only the engine's side has: conversations leave and enter slots.</summary>
internal sealed partial class KvCommands
{
    private SsdSide Slotted => side as SsdSide ?? throw new InvalidOperationException("The stock side has no slots to leave.");

    /// <summary>A conversation leaves its slot and comes back, so many times; before each, all its cells are read by a token.</summary>
    public KvReply Switch(int slot, int times) => Repeat(
        times,
        () =>
        {
            var (chain, state) = Slotted.Leave(slot);
            Slotted.Enter(slot, chain, state);
        },
        before: () => Decode(slot, slot, 1));

    /// <summary>A session takes the slot, with a file's cells, and is saved; what the saving takes is told.</summary>
    public KvReply Session(int slot, int cells, string path)
    {
        Slotted.EnterNewSession(slot);
        Fill(slot, cells, path);
        var begun = Stopwatch.GetTimestamp();
        Slotted.SaveSession(slot);
        return new KvReply { Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds, Tokens = cells };
    }

    /// <summary>The session is closed and opened again from its folder, so many times; told is what opening and entering the slot take.</summary>
    public KvReply Restore(int slot, int times) => Repeat(times, () => Slotted.OpenSession(slot), () => Slotted.CloseSession(slot));

    /// <summary>A child with the conversation's first cells enters another slot, so many times; the last one stays.</summary>
    public KvReply Fork(int from, int to, int cells, int times) => Repeat(
        times,
        () =>
        {
            Slotted.Enter(to, Slotted.ChainOf(from).Fork(cells, NewFile(), Slotted.Layout), Begin(cells));
            _next[to] = _next[from];
        },
        before: () => Slotted.Leave(to).Chain.Dispose());

    /// <summary>Children of one conversation, each with some tokens of its own; all stay open.</summary>
    public KvReply ForkMany(int from, int count, int tokens)
    {
        var cells = Depth(from);
        var parked = new List<(KvChain Chain, KvState State)>();
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var slot = 1 + (i % (Slots - 1));
            parked.Add(Slotted.Leave(slot));
            Slotted.Enter(slot, Slotted.ChainOf(from).Fork(cells, NewFile(), Slotted.Layout), Begin(cells));
            _next[slot] = 300 + i;
            Decode(slot, slot, tokens);
        }
        return new KvReply { Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds, Tokens = count * tokens };
    }

    /// <summary>As conversations that nobody uses leave memory; then it comes back.</summary>
    public KvReply PageOut(int slot)
    {
        var begun = Stopwatch.GetTimestamp();
        var (chain, state) = Slotted.Leave(slot);
        Slotted.Kv.Drain();
        foreach (var file in chain.Shared.Select(static segment => segment.File).Append(chain.Own)) Files.LeavePageCache(file.Handle, 0, 0);
        Slotted.Enter(slot, chain, state);
        return new KvReply { Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds };
    }

    private static KvState Begin(int cells) => new(cells, []);

    private KvFile NewFile() => Slotted.NewFile();

    private static KvReply Repeat(int times, Action action, Action? before = null)
    {
        var milliseconds = new List<double>();
        for (var i = 0; i < times; i++)
        {
            before?.Invoke();
            var begun = Stopwatch.GetTimestamp();
            action();
            milliseconds.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        return new KvReply { Milliseconds = milliseconds };
    }
}
