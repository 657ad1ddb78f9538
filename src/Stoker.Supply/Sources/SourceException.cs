using System.Net;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>An origin failed. <see cref="CanRetry"/>: the same request may go through later, or elsewhere.</summary>
public sealed class SourceException : StokerException
{
    public SourceException(ErrorKind kind, string message, bool canRetry, Exception? inner = null)
        : base(kind, message, inner) => CanRetry = canRetry;

    public bool CanRetry { get; }

    public HttpStatusCode? Status { get; init; }
}
