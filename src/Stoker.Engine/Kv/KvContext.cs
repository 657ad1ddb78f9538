using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>
/// A model's context with a slot for each conversation that is being decoded; slot number and sequence number are the same. A
/// conversation enters a slot with <see cref="Attach"/> and leaves it with <see cref="Detach"/>. Not thread-safe: everything here
/// belongs to the one thread that decodes, between two decode calls.
/// </summary>
public sealed class KvContext : IDisposable
{
    // LLAMA_MAX_SEQ
    private const int MaxSlots = 256;

    private readonly KvSlots _slots;

    private KvContext(LlamaContext context, KvSlots ways, int slots)
    {
        Context = context;
        _slots = ways;
        Slots = slots;
        ContextTokensPerSlot = context.SequenceTokens;
        CanTruncate = !context.Model.IsHybrid && !context.Model.IsRecurrent;
    }

    /// <summary>Ssd or Ram: what it has become, never Auto.</summary>
    public KvMode Mode => Layout is null ? KvMode.Ram : KvMode.Ssd;

    /// <summary>Why the cells lie in memory although files were asked for or would have been chosen; null otherwise.</summary>
    public string? Reason { get; private init; }

    /// <summary>Of the files that chains must have; null in memory.</summary>
    public KvLayout? Layout => _slots.Layout;

    /// <summary>For decoding. Its sequences are the slots; forgetting or copying sequences is done here, not there.</summary>
    public LlamaContext Context { get; }

    public int Slots { get; }

    public int ContextTokensPerSlot { get; }

    /// <summary>False for models whose state every token rewrites: they cannot go back, only start again or from an older state.</summary>
    public bool CanTruncate { get; }

    /// <summary>Makes the context, empty. Blocks.</summary>
    /// <exception cref="LlamaException">Context: not enough memory, or options that the model cannot have.</exception>
    /// <exception cref="StokerException">InvalidInput; Io or Unsupported when files were asked for and cannot be had.</exception>
    public static KvContext Create(LlamaLibrary library, LlamaModel model, KvOptions options)
    {
        if (options is not { Slots: >= 1 and <= MaxSlots, ContextTokens: >= 1 and <= KvLayout.MaxCells, MicroBatch: >= 1 })
            throw new StokerException(ErrorKind.InvalidInput, $"{options.Slots} conversations of {options.ContextTokens} tokens cannot be had: at most {MaxSlots} of {KvLayout.MaxCells}.");
        string? reason = null;
        if (options.Mode != KvMode.Ram)
        {
            reason = KvFolder.WhyNot(options.Mode, options.SessionsFolder) ?? ModelTraits.Of(model).WhyNotInFiles();
            if (reason is null && TryInFiles(library, model, options, out reason) is { } made) return made;
            if (options.Mode == KvMode.Ssd) throw new StokerException(ErrorKind.Unsupported, $"KV cannot be kept in files: {reason}. Use --kv auto or ram.");
        }
        var context = LlamaContext.Create(library, model, ContextShape.InMemory(options));
        return new KvContext(context, new RamSlots(context, options), options.Slots) { Reason = reason };
    }

    /// <summary>The same context with something around the ways into its slots; whoever disposes of one disposes of both.</summary>
    internal KvContext With(Func<KvSlots, KvSlots> around) => new(Context, around(_slots), Slots) { Reason = Reason };

    /// <summary>Puts a conversation into an empty slot.</summary>
    /// <param name="chain">Its files, which stay the caller's and must outlive the stay in the slot; null: none (its cells are lost with the slot's).</param>
    /// <param name="cells">Tokens whose cells it has; 0: it begins.</param>
    /// <param name="state">As <see cref="Detach"/> or <see cref="Capture"/> gave it.</param>
    /// <exception cref="StokerException">Corrupt: this state is not one of this model and context; the slot is empty then.</exception>
    public void Attach(int slot, KvChain? chain, int cells, ReadOnlyMemory<byte> state)
    {
        Check(slot);
        ArgumentOutOfRangeException.ThrowIfNegative(cells);
        if (cells > ContextTokensPerSlot)
            throw new StokerException(ErrorKind.ContextOverflow, $"The conversation has {cells} tokens, but the context {ContextTokensPerSlot}: load the model with a larger one (--ctx).");
        _slots.Attach(slot, chain, cells, state);
    }

    /// <summary>
    /// Has an empty slot ready for a conversation of so many tokens, which then enters it without llama.cpp listing its cells. For
    /// when nobody waits: it takes some 0.2 ms and 0.1 MiB for a thousand. Where nothing can be made ready nothing is done.
    /// </summary>
    public void Prepare(int slot, int cells)
    {
        Check(slot);
        _slots.Prepare(slot, Math.Min(cells, ContextTokensPerSlot));
    }

    /// <summary>Takes the conversation out; the slot is empty after.</summary>
    /// <exception cref="StokerException">TooLarge: in memory, beyond KvOptions.MostStateBytes; it stays in its slot.</exception>
    public KvState Detach(int slot)
    {
        var state = Capture(slot);
        _slots.Empty(slot);
        return state;
    }

    /// <summary>Forgets the conversation in the slot and lets go of its files.</summary>
    public void Empty(int slot)
    {
        Check(slot);
        _slots.Empty(slot);
    }

    /// <summary>What a snapshot needs; the conversation stays.</summary>
    /// <exception cref="StokerException">TooLarge, as above.</exception>
    public KvState Capture(int slot)
    {
        Check(slot);
        return _slots.Capture(slot);
    }

    /// <summary>
    /// Forgets the cells from this one on; what is decoded next overwrites them. False: this conversation cannot be cut there, and
    /// nothing has changed.
    /// </summary>
    public bool Truncate(int slot, int cells)
    {
        Check(slot);
        var present = _slots.Cells(slot);
        if (cells >= present) return cells == present;
        // Where a window has lost its oldest cells, those that the cut would bring back into view are missing.
        var missing = Context.FirstPosition(slot) > Math.Max(0, cells - Context.Model.WindowTokens);
        return (cells == 0 || (CanTruncate && !missing)) && Context.TryTruncate(slot, cells);
    }

    /// <summary>Makes room on disk for the slot's cells up to this one (exclusive): call it before the decode that fills them.</summary>
    /// <exception cref="StokerException">OutOfSpace: the disk is full; the slot is as before.</exception>
    public void Reserve(int slot, int cells)
    {
        Check(slot);
        _slots.Reserve(slot, Math.Min(cells, ContextTokensPerSlot));
    }

    /// <summary>
    /// Maps other files under a slot whose cells are the same: after a fork or a move back made its own file one that is shared.
    /// The cells that the slot has stay; writing goes to the new chain's own file.
    /// </summary>
    public void Remap(int slot, KvChain chain)
    {
        Check(slot);
        _slots.Remap(slot, chain);
    }

    /// <summary>Gives the work memory back to the kernel, for after a prompt; 0: it is not ours to give (<see cref="KvMode.Ram"/>).</summary>
    /// <returns>Its bytes.</returns>
    public long ReleaseCompute() => _slots.ReleaseCompute();

    /// <summary>Waits, seconds at most, until nothing is mapped any more of what left its slot: until then it keeps its disk blocks and pages. Thread-safe.</summary>
    public void Drain() => _slots.Drain();

    /// <summary>After a step: no more of the slot's cells than <see cref="KvOptions.WindowTokens"/> stay mapped.</summary>
    public void Trim(int slot)
    {
        Check(slot);
        _slots.Trim(slot);
    }

    public void Dispose()
    {
        Context.Dispose();
        _slots.Dispose();
    }

    private static KvContext? TryInFiles(LlamaLibrary library, LlamaModel model, KvOptions options, out string? reason)
    {
        LlamaContext context;
        try
        {
            var asked = ContextShape.InFiles(options);
            context = LlamaContext.Create(library, model, options.Fault?.Asked?.Invoke(asked) ?? asked);
        }
        catch (LlamaException error)
        {
            reason = error.Message;
            return null;
        }
        var memory = context.SlotMemory!;
        reason = memory.Problem ?? (options.MayOffload ? KvShape.WhyNotAllHere(memory.Tensors, model.LayerCount, model.IsHybrid) : null);
        if (reason is null && KvShape.TryOf(memory.Tensors, context.SequenceTokens, SlotMemory.PageBytes, options.KeyType, options.ValueType, out var shape, out reason))
        {
            shape = options.Fault?.Found?.Invoke(shape) ?? shape;
            reason = SelfCheck.WhyNot(context, memory, shape, options.Slots);
            if (reason is null) return new KvContext(context, new SsdSlots(context, memory, shape, options.Slots, options.WindowTokens), options.Slots);
        }
        context.Dispose();
        return null;
    }

    private void Check(int slot) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots, nameof(slot));
}
