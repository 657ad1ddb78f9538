using System.Net;
using Microsoft.AspNetCore.Http;

namespace Stoker.Server.Http;

/// <summary>
/// Whether a Host header names us. A web page whose name was made to point at this machine (DNS rebinding) sends its own name,
/// so names are accepted only from a list; an address cannot be re-pointed, so the one that the connection came in by is.
/// </summary>
public sealed class HostCheck(IReadOnlyList<string> allowedHosts)
{
    private readonly HashSet<string> _allowed = new(allowedHosts.Select(Bare), StringComparer.OrdinalIgnoreCase);

    public bool IsAllowed(HostString host, IPAddress? local)
    {
        if (!host.HasValue) return false;
        var name = Bare(host.Value);
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || _allowed.Contains(name)) return true;
        // TryParse also takes "1" and "0x7f.1"; only what the address prints as itself is an address here.
        if (!IPAddress.TryParse(name, out var address) || !string.Equals(address.ToString(), name, StringComparison.OrdinalIgnoreCase)) return false;
        return IPAddress.IsLoopback(address) || (local is not null && address.Equals(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local));
    }

    /// <summary>Without port, brackets and the closing dot.</summary>
    private static string Bare(string host)
    {
        if (host.StartsWith('[')) return host.IndexOf(']') is > 0 and var end ? host[1..end] : host;
        var colon = host.IndexOf(':');
        return (colon >= 0 && host.LastIndexOf(':') == colon ? host[..colon] : host).TrimEnd('.');
    }
}
