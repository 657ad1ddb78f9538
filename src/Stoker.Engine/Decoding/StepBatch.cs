using System.Diagnostics;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>One step's tokens of all answers, decoded in one call. Of the decode thread alone.</summary>
internal sealed class StepBatch(LlamaLibrary library, LlamaContext context) : IDisposable
{
    private readonly LlamaBatch _batch = LlamaBatch.Create(library, context.BatchTokens);

    /// <summary>What the last call took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Decodes the next tokens of each, the order being that of their slots. Their conversations stay as they are.</summary>
    public DecodeResult Decode(IReadOnlyList<(Answer Answer, int Count)> parts)
    {
        _batch.Clear();
        foreach (var (answer, count) in parts)
        {
            var position = answer.Conversation.Tokens.Count;
            var last = answer.PromptLeft <= count;
            var tokens = answer.Upcoming(count);
            for (var i = 0; i < count; i++) _batch.Add(tokens[i], position++, answer.Conversation.Slot!.Value, wantLogits: last && i == count - 1);
        }
        var from = Stopwatch.GetTimestamp();
        var result = DecodeUnlessAllLeave(parts);
        Elapsed = Stopwatch.GetElapsedTime(from);
        return result;
    }

    public void Dispose() => _batch.Dispose();

    // It stops in the middle when nobody waits for it any more. Who leaves while others stay leaves after it.
    private DecodeResult DecodeUnlessAllLeave(IReadOnlyList<(Answer Answer, int Count)> parts)
    {
        try
        {
            using var leaving = new LastLeaves([.. parts.Select(static part => part.Answer.Target.Cancelled)], context.Abort);
            return context.Decode(_batch);
        }
        finally
        {
            context.ResetAbort();
        }
    }
}
