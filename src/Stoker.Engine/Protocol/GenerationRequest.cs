namespace Stoker.Engine.Protocol;

/// <summary>
/// One generation, as the runner gets it. Exactly one of <see cref="Messages"/>, <see cref="Text"/> and <see cref="Tokens"/>
/// is set, or with <see cref="Continue"/> none. Validated by whoever builds it (an endpoint); the runner checks again what could hurt it.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>Chat turns, to which the model's own template is applied.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>Raw text; special tokens in it are parsed.</summary>
    public string? Text { get; init; }

    /// <summary>Token ids as they are.</summary>
    public IReadOnlyList<int>? Tokens { get; init; }

    /// <summary>Name of a built-in template of libllama that replaces the model's own, or null.</summary>
    public string? ChatTemplate { get; init; }

    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Tokens to generate at most, or null: to the context's end.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The answer ends before the first of these. At most 16, each at most 256 characters, none empty.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>GBNF that the answer follows, or null. Its root rule is <c>root</c>.</summary>
    public string? Grammar { get; init; }

    /// <summary>Log-probabilities of the chosen token and of this many alternatives (0 to 20), or null for none.</summary>
    public int? LogProbs { get; init; }

    /// <summary>True: an end-of-generation token does not end the answer (benchmarks).</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>True: the prompt's text precedes the answer (completions' <c>echo</c>).</summary>
    public bool Echo { get; init; }

    /// <summary>True: each token event carries a 64-bit hash of the full-vocabulary logits it was sampled from (exactness tests).</summary>
    public bool LogitHashes { get; init; }

    /// <summary>Whose conversations it may see: an opaque word that the daemon gives each key. Never shared between two.</summary>
    public string Scope { get; init; } = "";

    /// <summary>The name of a conversation that is kept, or null. With messages, or <see cref="Continue"/>.</summary>
    public string? Session { get; init; }

    /// <summary>With a session: the messages follow those that it has, instead of being all.</summary>
    public bool Append { get; init; }

    /// <summary>
    /// With a session: its last answer goes on, in the same message. Sampling, stop strings, grammar, template and length are those that
    /// it began with, where this request says nothing.
    /// </summary>
    public bool Continue { get; init; }

    /// <summary>With <see cref="Continue"/>: what the model's publisher set, where neither the request nor the kept answer says anything.</summary>
    public SamplingOptions? ModelSampling { get; init; }

    /// <summary>The same of stop strings.</summary>
    public IReadOnlyList<string> ModelStop { get; init; } = [];

    /// <summary>
    /// Whether what was computed before is used again. Null: as far as nobody can tell. The last bits of a sum depend on what is
    /// computed together, so that a seed which is drawn with would no longer always give the same answer.
    /// </summary>
    public bool? ReusePrefix { get; init; }
}
