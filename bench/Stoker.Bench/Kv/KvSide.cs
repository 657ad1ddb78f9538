using Stoker.Native.Llama;

namespace Stoker.Bench.Kv;

/// <summary>One of the two things that are compared, behind the same commands.</summary>
internal abstract class KvSide : IDisposable
{
    public abstract LlamaContext Context { get; }

    /// <summary>What it is, and if it is not what was asked for, why.</summary>
    public abstract string Mode { get; }

    /// <summary>Most tokens of one call at this depth.</summary>
    public abstract int Chunk(int depth);

    /// <summary>Makes room for a slot's cells up to this one.</summary>
    public virtual void Reserve(int slot, int cells)
    {
    }

    /// <summary>A new conversation, in place of what the slot has.</summary>
    public virtual void Begin(int slot) => Context.TryTruncate(slot, 0);

    /// <summary>After a prompt of so many tokens.</summary>
    public virtual void AfterPrompt(int tokens)
    {
    }

    public abstract void Dispose();
}

/// <summary>The library's own buffer type, nothing around it.</summary>
internal sealed class StockSide : KvSide
{
    public StockSide(LlamaLibrary library, LlamaModel model, KvChildOptions options) =>
        Context = LlamaContext.Create(library, model, new ContextOptions
        {
            ContextTokens = options.ContextTokens * options.Slots,
            MaxSequences = options.Slots,
            Threads = options.Threads,
            BatchTokens = options.MicroBatch,
            MicroBatchTokens = options.MicroBatch,
            FlashAttention = FlashAttention.On,
        });

    public override LlamaContext Context { get; }

    public override string Mode => "stock";

    public override int Chunk(int depth) => Context.MicroBatchTokens;

    public override void Dispose() => Context.Dispose();
}
