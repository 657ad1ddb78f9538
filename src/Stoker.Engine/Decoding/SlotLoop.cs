using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Decodes all answers together: each step is one batch with the next tokens of every answer. They join and leave between steps.
/// Everything here is of the decode thread.
/// </summary>
internal sealed class SlotLoop(SlotModel model, SlotTable table, SessionDesk? desk) : IDisposable
{
    /// <summary>How long a receiver may take nothing before its answer is given up.</summary>
    private static readonly TimeSpan SlowReceiver = TimeSpan.FromSeconds(30);

    /// <summary>Cells for which room is made ahead.</summary>
    private const int ReservedCells = 256;

    /// <summary>Prompts of so many tokens leave work memory behind that is worth giving back; so few, when nothing is done anyway.</summary>
    private const int LongPrompt = 1024, ShortPrompt = 64;

    private readonly List<Answer> _answers = [];
    private readonly WaitingRequests _waiting = new(model, table, desk);
    private readonly StepBatch _batch = new(model.Library, table.Kv.Context);
    private readonly PromptPace _pace = new();
    private readonly int _microBatch = table.Kv.Context.MicroBatchTokens;
    private readonly EndedAnswers _ended = new(table);
    private int _turn;
    private int _promptTokens;

    /// <summary>Nothing to decode and nobody waits.</summary>
    public bool IsIdle => _answers.Count == 0 && _waiting.IsEmpty && _ended.IsEmpty;

    /// <summary>While it is idle: when a step is due all the same.</summary>
    public TimeSpan Wait => table.Idle.Wait;

    /// <summary>An answer is to begin as soon as a slot is free.</summary>
    public void Join(GenerationRequest request, IAnswerTarget target) => _waiting.Add(request, target);

    /// <summary>Nobody waits: what the next answer would wait for is done now.</summary>
    public void Rest()
    {
        ReleaseCompute(ShortPrompt);
        table.PrepareSlot();
    }

    /// <summary>One step. False: every receiver is behind, and there is nothing to do but wait a little.</summary>
    public bool Step()
    {
        try
        {
            return Advance();
        }
        catch (Exception error) when (_answers.Count > 0)
        {
            // A root: a defect beside the guard of any one ends those who are answered, not the runner with all who wait.
            var (kind, message) = Failures.Tell(error);
            foreach (var answer in _answers.ToArray()) Fail(answer, kind, message, intact: false);
            return true;
        }
    }

    private bool Advance()
    {
        Sweep();
        _ended.Tell(isAlone: _answers.Count == 0);
        table.PageOutIdle();
        table.Seats.CloseGaps(FailIn);
        BeginNext();
        ReleaseCompute();
        var able = _answers.Where(IsAble).OrderBy(static answer => answer.Conversation.Slot).ToList();
        if (able.Count == 0) return _answers.Count == 0 && !_waiting.AnyRead;
        var wishes = able.Select(static answer => new BatchWish(answer.PromptLeft, answer.Conversation.Tokens.Count)).ToList();
        var counts = BatchPlanner.Plan(wishes, _microBatch, _pace.Tokens, _turn++);
        var parts = new List<(Answer Answer, int Count)>(able.Count);
        for (var i = 0; i < able.Count; i++)
        {
            if (counts[i] == 0) continue;
            if (able[i].IsAtPoint) table.Mark(able[i].Conversation);
            counts[i] = able[i].UpToPoint(counts[i]);
            if (MakeRoom(able[i], counts[i])) parts.Add((able[i], counts[i]));
        }
        if (parts.Count > 0 && Decode(parts)) Continue(parts);
        foreach (var (answer, _) in parts)
        {
            if (answer.Conversation.Slot is { } slot) table.Kv.Trim(slot);
        }
        ReleaseCompute();
        return true;
    }

    public void Dispose()
    {
        _waiting.Dispose();
        foreach (var answer in _answers) answer.Dispose();
        _batch.Dispose();
        table.Dispose();
    }

    private void BeginNext()
    {
        while (table.Seats.AnyFree && _waiting.TryBegin(out var answer))
        {
            if (answer is null) continue;
            _answers.Add(answer);
            Guard(answer, () => answer.Begin(model.BytesOf));
        }
    }

    /// <summary>Those whom nobody waits for any more, or who have not been listened to for long, leave.</summary>
    private void Sweep()
    {
        foreach (var answer in _answers.ToArray())
        {
            if (answer.Target.Cancelled.IsCancellationRequested) Fail(answer, ErrorKind.Cancelled, "Cancelled.");
            else if (answer.StalledSince != 0 && Stopwatch.GetElapsedTime(answer.StalledSince) > SlowReceiver)
                Fail(answer, ErrorKind.Timeout, $"The answer was given up: its receiver took nothing for {SlowReceiver.TotalSeconds:0} s.");
            else if (answer.Conversation is { Session.Name: not null, Saving.IsCompleted: true, SaveFailure: { } failure } lost && !table.TrySaveAgain(lost))
                Fail(answer, failure);
        }
        _waiting.Sweep();
    }

    private static bool IsAble(Answer answer)
    {
        if (answer.Target.HasRoom) answer.StalledSince = 0;
        else if (answer.StalledSince == 0) answer.StalledSince = Stopwatch.GetTimestamp();
        return answer.StalledSince == 0;
    }

    private bool MakeRoom(Answer answer, int count)
    {
        var cells = answer.Conversation.Tokens.Count;
        while (true)
        {
            try
            {
                // In steps, so that it is asked for rarely.
                table.Kv.Reserve(answer.Conversation.Slot!.Value, ((cells + count) / ReservedCells * ReservedCells) + ReservedCells);
                return true;
            }
            catch (Exception error)
            {
                if (error is StokerException { Kind: ErrorKind.OutOfSpace } && table.TryFree()) continue;
                var (kind, message) = Failures.Tell(error);
                Fail(answer, kind, message, intact: error is StokerException && answer.Conversation.Session is null);
                return false;
            }
        }
    }

    private bool Decode(List<(Answer Answer, int Count)> parts)
    {
        var prompts = parts.Where(static part => part.Answer.Next is null).ToList();
        var promptTokens = prompts.Sum(static part => part.Count);
        _promptTokens += promptTokens;
        var result = _batch.Decode(parts);
        if (result == DecodeResult.Done) _pace.Took(parts.Count - prompts.Count, promptTokens, _batch.Elapsed.TotalMilliseconds);
        if (result == DecodeResult.Done) return true;
        foreach (var (answer, _) in parts)
        {
            var cells = answer.Conversation.Tokens.Count;
            var intact = table.Kv.Truncate(answer.Conversation.Slot!.Value, cells);
            if (answer.Target.Cancelled.IsCancellationRequested) Fail(answer, ErrorKind.Cancelled, "Cancelled.", intact);
            else if (result == DecodeResult.NoRoom) Fail(answer, ErrorKind.ContextOverflow, "The context is full.", intact);
            else Fail(answer, ErrorKind.Internal, $"llama.cpp could not decode ({result}); the runner's log has its reason.", intact);
        }
        return false;
    }

    // Whatever became of those whose prompts needed it. At both ends of a step: after the last one none may follow for long.
    private void ReleaseCompute(int least = LongPrompt)
    {
        if (_promptTokens < least || _answers.Any(static answer => answer.PromptLeft > 0)) return;
        table.Kv.ReleaseCompute();
        _promptTokens = 0;
    }

    /// <summary>After a step: the next token of everyone whose prompt is decoded.</summary>
    private void Continue(List<(Answer Answer, int Count)> parts)
    {
        var index = -1;
        foreach (var (answer, count) in parts)
        {
            index += count;
            var at = index;
            var wasPrompt = answer.Next is null;
            answer.Conversation.Tokens.AddRange(answer.Upcoming(count));
            if (answer.PromptLeft > 0)
            {
                Guard(answer, () =>
                {
                    if (answer.Conversation.Tokens.Count - answer.SavedCells >= SessionDesk.PrefillTokens) Save(answer);
                    answer.Target.Tell(new PrefillProgress(answer.Conversation.Tokens.Count, answer.Prompt.Length));
                });
                continue;
            }
            if (wasPrompt) answer.PrefillEnded();
            Guard(answer, () =>
            {
                Sample(answer, at);
                if (SessionDesk.IsTimeToSave(answer.Conversation, wasPrompt, answer.Conversation.Tokens.Count - answer.SavedCells)) Save(answer);
            });
        }
    }

    private void Sample(Answer answer, int index)
    {
        int token;
        try
        {
            token = answer.Sampler.Sample(table.Kv.Context, index);
        }
        catch (LlamaException error) when (error.Failure == LlamaFailure.GrammarDeadEnd)
        {
            Finish(answer, FinishReason.Stop); // all that the grammar allows has been said
            return;
        }
        var request = answer.Request;
        var isEnd = !request.IgnoreEos && model.Model.IsEndOfGeneration(token);
        var describe = !isEnd && (request.LogitHashes || request.LogProbs is not null);
        var sample = describe ? LogitMath.Describe(token, table.Kv.Context.Logits(index), request, model.BytesOf) : new TokenSample(token, model.BytesOf(token));
        if (answer.Take(sample, isEnd) is { } reason) Finish(answer, reason);
    }

    private void Finish(Answer answer, FinishReason reason)
    {
        answer.End(reason);
        Save(answer, isLast: true);
        Leave(answer, () =>
        {
            answer.Finish();
            answer.Target.End();
        }, isWhole: true);
    }

    // While one save is being written the next one waits: it would hold the same, and more.
    private void Save(Answer answer, bool isLast = false)
    {
        if (desk is null || answer.Conversation.Session is null || !_answers.Contains(answer)) return;
        if (!isLast && !answer.Conversation.Saving.IsCompleted) return;
        desk.Save(answer);
        answer.SavedCells = answer.Conversation.Tokens.Count;
    }

    /// <summary>What was said before it was broken off is kept too. Where even that fails, the last snapshot stands.</summary>
    private bool TrySaveBroken(Answer answer)
    {
        if (answer.Generated == 0) return true;
        try
        {
            Save(answer, isLast: true);
            return true;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error is StokerException ? error.Message : error);
            return false;
        }
    }

    private void Fail(Answer answer, ErrorKind kind, string message, bool intact = true) =>
        Leave(answer, () => answer.Target.Fail(kind, message), intact: intact && TrySaveBroken(answer));

    // A disk that fails leaves the session at its last snapshot, from where it is opened again.
    private void Fail(Answer answer, Exception error)
    {
        var (kind, message) = Failures.Tell(error);
        Fail(answer, kind, message, intact: kind is not (ErrorKind.OutOfSpace or ErrorKind.Io));
    }

    // It lies in no slot any more.
    private void FailIn(Conversation conversation, Exception error)
    {
        var (kind, message) = Failures.Tell(error);
        if (_answers.Find(answer => answer.Conversation == conversation) is { } answer) Fail(answer, kind, message, intact: false);
        _ended.Lose(conversation);
    }

    private void Leave(Answer answer, Action? tell, bool isWhole = false, bool intact = true)
    {
        if (!_answers.Remove(answer)) return;
        answer.Dispose();
        _ended.Add(answer, tell, isWhole, intact);
    }

    // One answer's failure is told to whoever asked, and ends nobody else's.
    private void Guard(Answer answer, Action act)
    {
        try
        {
            act();
        }
        catch (Exception error) when (_answers.Contains(answer))
        {
            Fail(answer, error);
        }
        catch (Exception error)
        {
            var (kind, message) = Failures.Tell(error);
            answer.Target.Fail(kind, message);
        }
    }
}
