using System.Text.Json.Serialization;

namespace Stoker.Engine.Protocol;

/// <summary>
/// What a runner tells of one generation, in order: any number of <see cref="SessionCheckProgress"/>, <see cref="GenerationStarted"/>, any number of
/// <see cref="PrefillProgress"/> and <see cref="TokensGenerated"/>, then one <see cref="GenerationFinished"/>.
/// A failure is a <c>StokerException</c> instead of the last.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(GenerationStarted), "started")]
[JsonDerivedType(typeof(SessionCheckProgress), "check")]
[JsonDerivedType(typeof(PrefillProgress), "prefill")]
[JsonDerivedType(typeof(TokensGenerated), "tokens")]
[JsonDerivedType(typeof(GenerationFinished), "finished")]
public abstract record GenerationEvent;

/// <summary>The prompt is tokenised and fits.</summary>
/// <param name="PromptTokens">Tokens of the prompt, template included.</param>
/// <param name="CachedTokens">How many of them were already in the KV cache.</param>
public sealed record GenerationStarted(int PromptTokens, int CachedTokens) : GenerationEvent;

/// <summary>So much was read of the cells of a conversation that was not closed.</summary>
public sealed record SessionCheckProgress(long DoneBytes, long TotalBytes) : GenerationEvent;

/// <summary>So many prompt tokens are decoded.</summary>
public sealed record PrefillProgress(int DoneTokens, int TotalTokens) : GenerationEvent;

/// <summary>
/// Text to pass on now. Complete UTF-8 always; a token may give none (half a character, a possible stop string held back),
/// and one event may hold the text of several.
/// </summary>
/// <param name="Text">May be empty.</param>
/// <param name="Tokens">The tokens sampled since the last event.</param>
public sealed record TokensGenerated(string Text, IReadOnlyList<TokenSample> Tokens) : GenerationEvent;

/// <summary>The end.</summary>
public sealed record GenerationFinished(FinishReason Reason, GenerationUsage Usage) : GenerationEvent
{
    /// <summary>The stop string that ended it, or null.</summary>
    public string? StopString { get; init; }
}
