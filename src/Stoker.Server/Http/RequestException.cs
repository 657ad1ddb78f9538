using Stoker.Core.Errors;

namespace Stoker.Server.Http;

/// <summary>A request that is refused, with OpenAI's words for which field and why.</summary>
public sealed class RequestException(ErrorKind kind, string message, string? param = null, string? code = null)
    : StokerException(kind, message)
{
    /// <summary>The field, e.g. <c>messages[0].content</c>, or null.</summary>
    public string? Param { get; } = param;

    /// <summary>OpenAI's code where the kind's own is not exact enough, or null.</summary>
    public string? Code { get; } = code;
}
