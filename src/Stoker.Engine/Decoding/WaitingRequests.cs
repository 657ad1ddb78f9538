using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Requests on their way to an answer: they wait for a slot, and for cells that have to be read first. Of the decode thread alone.
/// </summary>
internal sealed class WaitingRequests(SlotModel model, SlotTable table, SessionDesk? desk) : IDisposable
{
    private readonly Queue<(GenerationRequest Request, IAnswerTarget Target)> _waiting = [];
    private readonly SessionChecks _checks = new(table.Close);

    public bool IsEmpty => _waiting.Count == 0 && !AnyRead;

    /// <summary>Cells are being read for somebody.</summary>
    public bool AnyRead => !_checks.IsEmpty;

    public void Add(GenerationRequest request, IAnswerTarget target) => _waiting.Enqueue((request, target));

    /// <summary>Those whom nobody waits for any more leave.</summary>
    public void Sweep()
    {
        for (var left = _waiting.Count; left > 0; left--)
        {
            var (request, target) = _waiting.Dequeue();
            if (target.Cancelled.IsCancellationRequested) target.Fail(ErrorKind.Cancelled, "Cancelled.");
            else _waiting.Enqueue((request, target));
        }
    }

    /// <summary>The next request's answer, in a slot. False: nobody waits for one.</summary>
    /// <param name="answer">Null: it failed and was told so, or its cells are read first.</param>
    public bool TryBegin(out Answer? answer)
    {
        answer = null;
        if (_checks.TryTake(out var read))
        {
            answer = Guard(read.Target, () =>
            {
                Adopt(read.Request, read.Name, read.Take);
                return Begin(read.Request, read.Target);
            });
            return true;
        }
        if (!_waiting.TryDequeue(out var next)) return false;
        answer = Guard(next.Target, () => Begin(next.Request, next.Target));
        return true;
    }

    public void Dispose() => _checks.Dispose();

    private Answer? Begin(GenerationRequest request, IAnswerTarget target)
    {
        target.Cancelled.ThrowIfCancellationRequested();
        GenerationChecks.Check(request);
        OpenSession? doubtful = null;
        var kept = request.Session is { } name ? Open(name, request, out doubtful) : null;
        if (doubtful is not null)
        {
            _checks.Begin(request, target, doubtful);
            return null;
        }
        var opening = AnswerOpening.Of(model, kept, request);
        var prompt = opening.Prompt;
        var question = table.Kv.CanTruncate ? 0 : PromptTokens.BeforeQuestion(model.Library, model.Model, kept is null ? request.Messages : opening.Messages, opening.Request.ChatTemplate, prompt);
        var settings = opening.Settings(model);
        var reuse = request.ReusePrefix ?? (!request.LogitHashes && (request.Sampling.Seed is null || settings.Temperature == 0));
        if (reuse && kept is null or { Tokens.Count: 0 } && !TryRecall(request, target, prompt)) return null;
        var limit = Math.Min(opening.Request.MaxTokens ?? int.MaxValue, model.ContextTokens - prompt.Length);
        var sampler = opening.NewSampler(model, settings);
        try
        {
            var conversation = kept is null ? table.Begin(prompt, request.Scope, reuse) : table.GoOn(kept, prompt, reuse);
            IReadOnlyList<int> points = table.Kv.CanTruncate ? [] : PrefixChoice.PointsAhead(conversation.Tokens.Count, question, prompt.Length);
            return new Answer(target, opening, conversation, sampler, settings, limit) { Points = points };
        }
        catch
        {
            sampler.Dispose();
            throw;
        }
    }

    // What lies on disk and is of use comes in. False: it has to be read first, and the request begins again after that.
    private bool TryRecall(GenerationRequest request, IAnswerTarget target, int[] prompt)
    {
        if (table.Recall(prompt, request.Scope) is not { } session) return true;
        if (session.Doubt is null)
        {
            Adopt(request, session.Name, () => session);
            return true;
        }
        _checks.Begin(request, target, session);
        return false;
    }

    // What the prompt cache cannot give is computed.
    private void Adopt(GenerationRequest request, string? name, Func<OpenSession> session)
    {
        try
        {
            desk!.Adopt(session());
        }
        catch (StokerException error) when (name is null || name != request.Session)
        {
            Console.Error.WriteLine($"Prompt cache: {error.Message}");
        }
    }

    private Conversation? Open(string name, GenerationRequest request, out OpenSession? doubtful)
    {
        if (request.Messages is null && !request.Continue) throw new StokerException(ErrorKind.InvalidInput, "A session is a chat: it takes messages.");
        if (desk is null) throw new StokerException(ErrorKind.Unsupported, "This runner keeps no sessions: it was given no folder for them.");
        return desk.Open(name, request.Scope, mayCreate: !request.Continue, out doubtful);
    }

    // One request's failure is told to whoever asked.
    private Answer? Guard(IAnswerTarget target, Func<Answer?> begin)
    {
        try
        {
            return begin();
        }
        catch (Exception error)
        {
            table.ForgetUnsaid();
            table.LetGo(); // those that were opened are no more than may be kept
            var (kind, message) = Failures.Tell(error);
            target.Fail(kind, message);
            return null;
        }
    }
}
