using System.Diagnostics;
using System.Text;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>One answer under way: its conversation in its slot, what is left of its prompt, its sampler and its text.</summary>
internal sealed class Answer : IDisposable
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly AnswerText _text;
    private readonly StringBuilder _told = new();
    private double _prefillMs;

    public Answer(IAnswerTarget target, GenerationRequest request, int[] prompt, Conversation conversation, LlamaSampler sampler, SamplerSettings settings, int limit)
    {
        Target = target;
        Request = request;
        Prompt = prompt;
        Conversation = conversation;
        Cached = conversation.Tokens.Count;
        Sampler = sampler;
        Settings = settings;
        Limit = limit;
        _text = new AnswerText(request.Stop);
    }

    public IAnswerTarget Target { get; }
    public GenerationRequest Request { get; }
    public int[] Prompt { get; }
    public Conversation Conversation { get; }
    public LlamaSampler Sampler { get; }
    public SamplerSettings Settings { get; }

    /// <summary>Tokens of the prompt that needed no decoding.</summary>
    public int Cached { get; }

    /// <summary>Tokens it may generate.</summary>
    public int Limit { get; }

    public int Generated { get; private set; }

    /// <summary>Sampled and not decoded yet; null while the prompt is.</summary>
    public int? Next { get; private set; }

    /// <summary>In a session: all that was said before this answer.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    /// <summary>In a session: all that was said, this answer as far as it goes among it.</summary>
    public IReadOnlyList<ChatMessage> MessagesSoFar => _told.Length == 0 ? Messages : [.. Messages, new ChatMessage("assistant", _told.ToString())];

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

    /// <summary>Takes a sampled token. True: the answer is over, for this reason.</summary>
    public FinishReason? Take(TokenSample sample, bool isEnd)
    {
        Generated++;
        if (isEnd) return FinishReason.Stop;
        if (_text.Push(sample) is { } told) Tell(told);
        if (_text.StopFound is not null) return FinishReason.Stop;
        if (Generated == Limit) return FinishReason.Length;
        Next = sample.Id;
        return null;
    }

    /// <summary>The end of its text.</summary>
    public void Flush()
    {
        if (_text.Finish() is { } rest) Tell(rest);
    }

    /// <summary>The end of a whole answer.</summary>
    public void Finish(FinishReason reason)
    {
        var usage = new GenerationUsage(Prompt.Length, Cached, Generated, _prefillMs, _watch.Elapsed.TotalMilliseconds - _prefillMs) { Seed = Settings.Seed };
        Target.Tell(new GenerationFinished(_text.StopFound is null ? reason : FinishReason.Stop, usage) { StopString = _text.StopFound });
    }

    public void Dispose() => Sampler.Dispose();

    private void Tell(TokensGenerated told)
    {
        _told.Append(told.Text);
        Target.Tell(told);
    }
}
