namespace Stoker.Engine.Decoding;

/// <summary>
/// Answers that are over and whose session is still being saved: nobody shall hear of an answer that a restart does not know, and
/// nobody else waits for a disk. Of the decode thread.
/// </summary>
internal sealed class EndedAnswers(SlotTable table)
{
    /// <summary>How long is waited where nobody else is answered: most saves take less.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(10);

    private readonly List<Ended> _ended = [];

    public bool IsEmpty => _ended.Count == 0;

    /// <param name="tell">What whoever asked is told. Null: nothing.</param>
    /// <param name="isWhole">Its end is told only if it was saved.</param>
    /// <param name="intact">False: its cells are not to be relied on, or its disk fails.</param>
    public void Add(Answer answer, Action? tell, bool isWhole, bool intact)
    {
        var ended = new Ended(answer, tell, isWhole, intact);
        _ended.Add(ended);
        if (!IsNamed(ended) || answer.Conversation.Saving.IsCompleted) End(ended);
    }

    /// <summary>Lets those go whose session is saved.</summary>
    /// <param name="isAlone">Nobody is answered meanwhile.</param>
    public void Tell(bool isAlone)
    {
        foreach (var ended in _ended.ToArray())
        {
            if (ended.Answer.Conversation.TrySettle(isAlone ? Patience : TimeSpan.Zero)) End(ended);
        }
    }

    /// <summary>The cells of this conversation are lost: it is let go at once.</summary>
    public void Lose(Conversation conversation)
    {
        foreach (var ended in _ended.Where(ended => ended.Answer.Conversation == conversation).ToArray())
        {
            conversation.Settle();
            End(ended, isLost: true);
        }
    }

    private static bool IsNamed(Ended ended) => ended.Answer.Conversation.Session?.Name is not null;

    private void End(Ended ended, bool isLost = false)
    {
        if (IsNamed(ended) && ended.IsIntact && !isLost && table.TrySaveAgain(ended.Answer.Conversation)) return;
        _ended.Remove(ended);
        var failure = IsNamed(ended) ? ended.Answer.Conversation.SaveFailure : null;
        LetGo(ended.Answer.Conversation, ended.IsIntact && !isLost && failure is null);
        Tell(ended, failure);
    }

    private static void Tell(Ended ended, Exception? failure)
    {
        try
        {
            if (failure is not null && !ended.IsWhole) Console.Error.WriteLine(failure.Message); // the last snapshot stands
            if (failure is not null && ended.IsWhole) Fail(failure);
            else ended.Tell?.Invoke();
        }
        catch (Exception error)
        {
            Fail(error);
        }

        void Fail(Exception error)
        {
            var (kind, message) = Failures.Tell(error);
            ended.Answer.Target.Fail(kind, message);
        }
    }

    private void LetGo(Conversation conversation, bool intact)
    {
        try
        {
            if (intact) table.Mark(conversation);
            if (intact) SessionDesk.Rest(conversation);
            if (intact && !conversation.IsUnsaid) table.Release(conversation);
            else table.Forget(conversation);
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error); // of those that stay behind; nobody who answers shall end for it
            conversation.IsAnswering = false;
        }
    }

    private readonly record struct Ended(Answer Answer, Action? Tell, bool IsWhole, bool IsIntact);
}
