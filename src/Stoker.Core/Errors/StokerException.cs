namespace Stoker.Core.Errors;

/// <summary>
/// A broken world. The message says what, where and what to do, in one or two sentences, and is shown to the user as it is.
/// Expected absence is never an exception (<c>null</c> or <c>Try…</c>).
/// </summary>
public class StokerException : Exception
{
    public StokerException(ErrorKind kind, string message, Exception? inner = null)
        : base(message, inner) => Kind = kind;

    public ErrorKind Kind { get; }

    /// <summary>When the same call may go through, if that is known.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
