using System.Net;

namespace Stoker.Supply.Sources;

/// <summary>A proxy for everything but loopback and what <c>NO_PROXY</c> names: hosts, <c>.domain</c> endings, <c>*</c>.</summary>
public sealed class SourceProxy : IWebProxy
{
    private readonly Uri _proxy;
    private readonly string[] _except;

    public SourceProxy(Uri proxy, string? noProxy)
    {
        _proxy = new UriBuilder(proxy) { UserName = "", Password = "" }.Uri;
        _except = (noProxy ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (proxy.UserInfo is not { Length: > 0 } login) return;
        var colon = login.IndexOf(':', StringComparison.Ordinal);
        Credentials = colon < 0
            ? new NetworkCredential(Uri.UnescapeDataString(login), "")
            : new NetworkCredential(Uri.UnescapeDataString(login[..colon]), Uri.UnescapeDataString(login[(colon + 1)..]));
    }

    public ICredentials? Credentials { get; set; }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : _proxy;

    public bool IsBypassed(Uri host)
    {
        if (host.IsLoopback || (IPAddress.TryParse(host.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip))) return true;
        foreach (var entry in _except)
        {
            if (entry == "*") return true;
            var name = entry.TrimStart('*').TrimStart('.');
            if (name.EndsWith($":{host.Port}", StringComparison.Ordinal)) name = name[..name.LastIndexOf(':')];
            if (host.Host.Equals(name, StringComparison.OrdinalIgnoreCase) || host.Host.EndsWith("." + name, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }
}
