using Stoker.Native.Llama;

namespace Stoker.Engine.Kv;

/// <summary>Does this build of the library, with this model, do what slots in files rely on? Asked of each new context, in its last slot.</summary>
internal static class SelfCheck
{
    // More than one, and not a number that anything is padded to.
    private const int Cells = 3;

    /// <summary>Null: it does. The slot is empty after.</summary>
    internal static string? WhyNot(LlamaContext context, SlotMemory memory, KvShape shape, int slots)
    {
        var slot = slots - 1;
        try
        {
            var nothing = StateBlob.Of(slot, slots, 0, shape.Caches, ReadOnlyMemory<byte>.Empty);
            var empty = memory.ReadState(context, slot, inPlaceOnly: false);
            if (empty is not { Parts: [var (_, bytes)], Ranges.Count: 0 } || nothing.Parts is not [var (_, expected)] || !bytes.Span.StartsWith(expected.Span))
                return "llama.cpp writes the state of an empty sequence differently";
            var inPlace = bytes[expected.Length..];
            if (inPlace.IsEmpty == context.Model.IsHybrid) return "llama.cpp writes more, or less, than the caches into a sequence's state";

            var synthesised = StateBlob.Of(slot, slots, Cells, shape.Caches, inPlace);
            var placed = memory.WriteState(context, slot, synthesised);
            if (!placed.SequenceEqual(synthesised.Ranges)) return "llama.cpp puts the cells of a restored sequence elsewhere";
            var extracted = memory.ReadState(context, slot, inPlaceOnly: false);
            return IsSame(synthesised, extracted) ? null : "llama.cpp writes the state of a sequence differently";
        }
        catch (LlamaException error)
        {
            return error.Message;
        }
        finally
        {
            _ = context.TryTruncate(slot, 0);
        }
    }

    private static bool IsSame(SparseState a, SparseState b) =>
        a.SizeBytes == b.SizeBytes
        && a.Ranges.SequenceEqual(b.Ranges)
        && a.Parts.Count == b.Parts.Count
        && a.Parts.Zip(b.Parts).All(static pair => pair.First.At == pair.Second.At && pair.First.Bytes.Span.SequenceEqual(pair.Second.Bytes.Span));
}
