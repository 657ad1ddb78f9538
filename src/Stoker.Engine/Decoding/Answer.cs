using System.Diagnostics;
using System.Text;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>One answer under way: its conversation in its slot, what is left of its prompt, its sampler and its text.</summary>
internal sealed class Answer : IDisposable
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly AnswerText _text;
    private readonly StringBuilder _told = new();
    private double _prefillMs;
    private double _answerMs;
    private FinishReason? _end;

    public Answer(IAnswerTarget target, AnswerOpening opening, Conversation conversation, LlamaSampler sampler, SamplerSettings settings, int limit)
    {
        Target = target;
        Opening = opening;
        Conversation = conversation;
        Cached = conversation.Tokens.Count;
        SavedCells = Cached;
        Sampler = sampler;
        Settings = settings;
        Limit = limit;
        _text = new AnswerText(Request.Stop);
    }

    public IAnswerTarget Target { get; }
    public AnswerOpening Opening { get; }
    public GenerationRequest Request => Opening.Request;
    public int[] Prompt => Opening.Prompt;
    public Conversation Conversation { get; }
    public LlamaSampler Sampler { get; }
    public SamplerSettings Settings { get; }

    /// <summary>Tokens of the prompt that needed no decoding.</summary>
    public int Cached { get; }

    /// <summary>Tokens it may generate.</summary>
    public int Limit { get; }

    public int Generated { get; private set; }

    /// <summary>Sampled last; from then on till the next it is to be decoded. Null while the prompt is.</summary>
    public int? Next { get; private set; }

    /// <summary>In a session: all that was said, this answer as far as it goes among it.</summary>
    public IReadOnlyList<ChatMessage> MessagesSoFar => _told.Length == 0 ? Opening.Messages : [.. Opening.Messages, new ChatMessage("assistant", _told.ToString())];

    /// <summary>In a session: how it can go on from here.</summary>
    public KeptAnswer Kept => new()
    {
        End = _end,
        Messages = Opening.Messages.Count,
        TextBefore = Opening.Continuation?.TextBefore ?? 0,
        FirstToken = Opening.FirstToken,
        Next = Conversation.Tokens.Count == Prompt.Length + Generated - 1 ? Next : null,
        Sampling = SamplingRules.Options(Settings),
        Stop = Request.Stop,
        Grammar = Request.Grammar,
        TokensLeft = _end is null ? Request.MaxTokens - Generated : null,
        ChatTemplate = Request.ChatTemplate,
    };

    /// <summary>Cells when the session was saved last.</summary>
    public int SavedCells { get; set; }

    /// <summary>Since when its receiver takes nothing, a timestamp; 0: it does.</summary>
    public long StalledSince { get; set; }

    public int PromptLeft => Next is null ? Prompt.Length - Conversation.Tokens.Count : 0;

    /// <summary>Numbers of cells at which a step of the prompt ends, ascending: states to return to are taken there.</summary>
    public IReadOnlyList<int> Points { get; init; } = [];

    /// <summary>It is where such a state is to be taken.</summary>
    public bool IsAtPoint => Next is null && Points.Contains(Conversation.Tokens.Count);

    /// <summary>So many of the next tokens, or fewer: to the next point.</summary>
    public int UpToPoint(int count)
    {
        var cells = Conversation.Tokens.Count;
        return Math.Min(count, Points.Where(point => point > cells).Select(point => point - cells).DefaultIfEmpty(count).Min());
    }

    /// <summary>The tokens that it puts into the next call.</summary>
    public ReadOnlySpan<int> Upcoming(int count) => Next is { } token ? new[] { token } : Prompt.AsSpan(Conversation.Tokens.Count, count);

    /// <summary>The prompt is decoded.</summary>
    public void PrefillEnded() => _prefillMs = _watch.Elapsed.TotalMilliseconds;

    /// <summary>Tells that it begins, with its prompt where that is asked for.</summary>
    /// <param name="bytesOf">A token's bytes.</param>
    public void Begin(Func<int, byte[]> bytesOf)
    {
        Target.Tell(new GenerationStarted(Prompt.Length, Cached));
        if (Request.Echo) Target.Tell(new TokensGenerated(Utf8Assembler.TextOf(Prompt.Select(bytesOf)), []));
        Resume(bytesOf);
    }

    /// <summary>Takes a sampled token. Not null: the answer is over, for this reason.</summary>
    public FinishReason? Take(TokenSample sample, bool isEnd)
    {
        Generated++;
        if (isEnd) return FinishReason.Stop;
        Next = sample.Id;
        if (_text.Push(sample) is { } told) Tell(told);
        if (_text.StopFound is not null) return FinishReason.Stop;
        if (Generated == Limit) return FinishReason.Length;
        return null;
    }

    /// <summary>The end of its text, and why.</summary>
    public void End(FinishReason reason)
    {
        if (_text.Finish() is { } rest) Tell(rest);
        _answerMs = _watch.Elapsed.TotalMilliseconds - _prefillMs;
        _end = _text.StopFound is null ? reason : FinishReason.Stop;
    }

    /// <summary>The end of a whole answer, after that of its text.</summary>
    public void Finish()
    {
        var usage = new GenerationUsage(Prompt.Length, Cached, Generated, _prefillMs, _answerMs) { Seed = Settings.Seed };
        Target.Tell(new GenerationFinished(_end!.Value, usage) { StopString = _text.StopFound });
    }

    public void Dispose() => Sampler.Dispose();

    // Of an answer that goes on: its text so far is this one's beginning. What of it was held back is told.
    private void Resume(Func<int, byte[]> bytesOf)
    {
        if (Opening.Continuation is not { } going) return;
        _told.Append(going.Text.AsSpan(0, going.TextBefore)).Append(_text.Resume(going.OwnTokens.Select(bytesOf), going.HoldsBack));
        var text = _told.ToString();
        if (text.Length > going.Text.Length && text.StartsWith(going.Text, StringComparison.Ordinal)) Target.Tell(new TokensGenerated(text[going.Text.Length..], []));
    }

    private void Tell(TokensGenerated told)
    {
        _told.Append(told.Text);
        Target.Tell(told);
    }
}
