namespace Stoker.Engine.Protocol;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-generation token, or a stop string.</summary>
    Stop,

    /// <summary>max_tokens, or the context is full.</summary>
    Length,

    /// <summary>The client left.</summary>
    Cancelled,
}
