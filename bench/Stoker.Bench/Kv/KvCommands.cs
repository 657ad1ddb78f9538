using System.Diagnostics;
using System.Runtime.InteropServices;
using Stoker.Native.Llama;

namespace Stoker.Bench.Kv;

/// <summary>The commands of a child. Greedy, because both sides must compute the same tokens.</summary>
internal sealed partial class KvCommands(LlamaLibrary library, KvSide side, KvChildOptions options) : IDisposable
{
    private readonly LlamaBatch _batch = LlamaBatch.Create(library, Math.Max(options.MicroBatch, options.Slots));
    private readonly int[] _next = new int[options.Slots];

    public int Slots => options.Slots;

    private LlamaContext Context => side.Context;

    /// <summary>Saves the state of one computed token, for <see cref="StateFile.Expand"/>; the slot is empty before and after.</summary>
    public KvReply Template(string path)
    {
        Context.TryTruncate(0, 0);
        Feed(0, 1);
        Context.SaveState(0, path, [1]);
        Context.TryTruncate(0, 0);
        return new KvReply();
    }

    /// <summary>Reads a state file into a slot.</summary>
    public KvReply Fill(int slot, int cells, string path)
    {
        var begun = Stopwatch.GetTimestamp();
        side.Reserve(slot, cells);
        if (Context.LoadState(slot, path).Length != cells || Depth(slot) != cells)
            throw new InvalidOperationException($"{path} filled {Depth(slot)} cells instead of {cells}.");
        return new KvReply { Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds, Tokens = cells };
    }

    /// <summary>A new conversation in a slot, in place of what it has.</summary>
    public KvReply NewConversation(int slot)
    {
        side.Begin(slot);
        return new KvReply();
    }

    /// <summary>Really computes a prompt behind what the slot has.</summary>
    public KvReply Prefill(int slot, int tokens)
    {
        var begun = Stopwatch.GetTimestamp();
        Feed(slot, tokens);
        var hash = Choose(slot, _batch.Count - 1, LogitHash.Start);
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        side.AfterPrompt(tokens);
        return new KvReply { Seconds = seconds, Tokens = tokens, Hash = LogitHash.Text(hash) };
    }

    /// <summary>Computes tokens for all slots from one to another, one token of each in a batch.</summary>
    public KvReply Decode(int first, int last, int tokens)
    {
        var hash = LogitHash.Start;
        var begun = Stopwatch.GetTimestamp();
        for (var done = 0; done < tokens; done++)
        {
            _batch.Clear();
            for (var slot = first; slot <= last; slot++)
            {
                var depth = Depth(slot);
                side.Reserve(slot, depth + 1);
                _batch.Add(_next[slot], depth, slot, wantLogits: true);
            }
            Check(Context.Decode(_batch));
            for (var slot = first; slot <= last; slot++) hash = Choose(slot, slot - first, hash);
        }
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        return new KvReply { Seconds = seconds, Tokens = tokens * (last - first + 1), Hash = LogitHash.Text(hash) };
    }

    public void Dispose() => _batch.Dispose();

    private int Depth(int slot) => Context.LastPosition(slot) + 1;

    private void Feed(int slot, int tokens)
    {
        for (var done = 0; done < tokens;)
        {
            var depth = Depth(slot);
            var count = Math.Min(tokens - done, side.Chunk(depth));
            side.Reserve(slot, depth + count);
            _batch.Clear();
            // Some words that do not repeat too soon; which ones matters to nobody, that both sides have the same does.
            for (var i = 0; i < count; i++) _batch.Add(((depth + i) * 7919 % 3001) + 256, depth + i, slot, wantLogits: done + i == tokens - 1);
            Check(Context.Decode(_batch));
            done += count;
        }
    }

    private ulong Choose(int slot, int batchIndex, ulong hash)
    {
        var logits = Context.Logits(batchIndex);
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[best]) best = i;
        }
        _next[slot] = best;
        return LogitHash.Append(hash, logits);
    }

    private static void Check(DecodeResult result)
    {
        if (result != DecodeResult.Done) throw new InvalidOperationException($"libllama could not decode: {result}");
    }
}

/// <summary>FNV-1a over the bits of logits, eight bytes at a time.</summary>
internal static class LogitHash
{
    public const ulong Start = 14_695_981_039_346_656_037;
    private const ulong Prime = 1_099_511_628_211;

    public static ulong Append(ulong hash, ReadOnlySpan<float> logits)
    {
        foreach (var pair in MemoryMarshal.Cast<float, ulong>(logits)) hash = (hash ^ pair) * Prime;
        return logits.Length % 2 == 0 ? hash : (hash ^ BitConverter.SingleToUInt32Bits(logits[^1])) * Prime;
    }

    public static string Text(ulong hash) => hash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
}
