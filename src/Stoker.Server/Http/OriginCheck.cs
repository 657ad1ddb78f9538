using Microsoft.AspNetCore.Http;

namespace Stoker.Server.Http;

/// <summary>
/// Whether the web page that a call comes from may make it. Programs send no Origin; browsers always do on calls that change
/// something, and a page of a stranger's is refused whether it could read the answer or not (CSRF).
/// </summary>
public sealed class OriginCheck(IReadOnlyList<string> allowedOrigins)
{
    private readonly HashSet<string> _allowed = new(allowedOrigins.Select(static origin => origin.TrimEnd('/')), StringComparer.OrdinalIgnoreCase);

    /// <param name="origin">The header, or null when absent.</param>
    /// <param name="scheme">Of the request.</param>
    /// <param name="host">Of the request; checked already.</param>
    public bool IsAllowed(string? origin, string scheme, HostString host)
    {
        if (origin is null) return true;
        if (_allowed.Contains(origin)) return true;
        return string.Equals(origin, $"{scheme}://{host.Value}", StringComparison.OrdinalIgnoreCase);
    }
}
