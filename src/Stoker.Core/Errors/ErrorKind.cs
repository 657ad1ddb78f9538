namespace Stoker.Core.Errors;

/// <summary>
/// What went wrong, as one word. HTTP status, each API's error body, gRPC status and the exit code all derive from it
/// (<c>Server/Http/ErrorMapping</c>, <c>Cli/Output/ExitCodes</c>), so that they cannot disagree.
/// </summary>
public enum ErrorKind
{
    /// <summary>The caller asked for something that cannot mean anything: a bad flag, a hostile name, a malformed body.</summary>
    InvalidInput,

    /// <summary>The prompt and what was asked for do not fit the model's context.</summary>
    ContextOverflow,

    /// <summary>The named model, job, file or revision does not exist.</summary>
    NotFound,

    /// <summary>Well-formed, understood, and not something this version (or this model) can do.</summary>
    Unsupported,

    /// <summary>Credentials are missing or wrong.</summary>
    Unauthorized,

    /// <summary>This caller, host, origin or address is not allowed to do that.</summary>
    Forbidden,

    /// <summary>It collides with the present state (already running, held by a lease, other owner).</summary>
    Conflict,

    /// <summary>Over a limit that the message names.</summary>
    TooLarge,

    /// <summary>Too much is waiting already; the same call may go through later.</summary>
    Busy,

    /// <summary>A part that is needed is not there now: a runner that crashed, a library that did not load.</summary>
    Unavailable,

    /// <summary>The memory budget refuses it; the message has the numbers.</summary>
    OutOfMemory,

    /// <summary>The disk or a quota is full; the message has needed and free.</summary>
    OutOfSpace,

    /// <summary>Bytes are not what they must be: digest mismatch, malformed model file, torn record.</summary>
    Corrupt,

    /// <summary>An origin, hub or peer failed: refused, cut, answered nonsense.</summary>
    Network,

    /// <summary>Nothing arrived for too long.</summary>
    Timeout,

    /// <summary>The caller, or the owner of the job, ended it.</summary>
    Cancelled,

    /// <summary>The operating system refused a read or write (EIO, EROFS, EACCES ...).</summary>
    Io,

    /// <summary>A defect of Stoker.</summary>
    Internal,
}
