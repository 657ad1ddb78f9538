using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>
/// Opens every connection to an origin and judges it by the address that is really connected, not by the name: a name may change
/// its answer between a check and a use.
/// </summary>
/// <param name="access">The job's.</param>
/// <param name="proxy">Through which it goes, or null.</param>
/// <param name="allow">Private places that may be reached.</param>
/// <param name="resolve">Names to addresses.</param>
internal sealed class SourceConnector(SourceAccess access, SourceProxy? proxy, AllowedPlaces allow, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    /// <summary>The classes of address besides public ones that a request may reach.</summary>
    internal static readonly HttpRequestOptionsKey<AddressReach> ReachKey = new("stoker.reach");

    private readonly ConcurrentDictionary<string, AddressClass> _connected = new();

    /// <summary>What a host turned out to be, or Public when no direct connection was made.</summary>
    internal AddressClass ClassOf(Uri address) => _connected.GetValueOrDefault(Key(address.Host, address.Port));

    internal async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var target = context.DnsEndPoint;
        var request = context.InitialRequestMessage;
        // The proxy's address is the owner's; but whoever names it as where they are is judged like any other.
        var isProxy = access.Proxy is { } own && Key(own.Host, own.Port) == Key(target.Host, target.Port) && (request.Method == HttpMethod.Connect || IsProxied(request.RequestUri!));
        var isLiteral = IPAddress.TryParse(target.Host.Trim('[', ']'), out var literal);
        // Offline, not even the name service is asked.
        if (access.Offline && !isLiteral && !IsOwnName(target.Host)) throw Refusal(target.Host);
        IPAddress[] addresses = isLiteral ? [literal!] : await resolve(target.Host, cancellationToken);
        StokerException? refusal = null;
        Exception? failure = null;
        foreach (var address in addresses)
        {
            var kind = AddressClasses.Of(address);
            refusal = isProxy ? WhyNotProxy(target, kind) : WhyNot(request, target, address, kind);
            if (refusal is not null) continue;
            try
            {
                var stream = await OpenAsync(new IPEndPoint(address, target.Port), cancellationToken);
                if (!isProxy) _connected[Key(target.Host, target.Port)] = kind;
                return stream;
            }
            catch (SocketException unreachable)
            {
                failure = unreachable;
            }
        }
        throw failure ?? refusal ?? (Exception)new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>
    /// Why a request may not be sent to the proxy, or null. What a proxy connects to is out of our sight, but an address that is
    /// named by its number is known before.
    /// </summary>
    internal StokerException? WhyNotProxied(HttpRequestMessage request)
    {
        var address = request.RequestUri!;
        if (!IsProxied(address)) return null; // its connection will be judged
        if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var literal)) return WhyNot(request, new DnsEndPoint(address.Host, address.Port), literal, AddressClasses.Of(literal));
        return WhyNotPlain(request, address.Host);
    }

    private bool IsProxied(Uri address) => proxy?.IsBypassed(address) == false;

    private static StokerException? WhyNotPlain(HttpRequestMessage request, string host) =>
        request.RequestUri!.Scheme != Uri.UriSchemeHttp || (request.Options.TryGetValue(ReachKey, out var reach) && reach.PlainHttp)
            ? null
            : new StokerException(ErrorKind.Forbidden, $"{Printable.Short(host)} would be contacted by plain http, where anybody may change the bytes: use https, or say what they must be with --sha256.");

    private StokerException? WhyNot(HttpRequestMessage request, DnsEndPoint target, IPAddress address, AddressClass kind)
    {
        var host = Printable.Short(target.Host);
        if (kind == AddressClass.Loopback && (AllowsKind(request, kind) || allow.Has(target.Host, address))) return null;
        if (access.Offline) return Refusal(target.Host);
        if (kind != AddressClass.Loopback && WhyNotPlain(request, target.Host) is { } plain) return plain;
        return kind == AddressClass.Public || AllowsKind(request, kind) || allow.Has(target.Host, address)
            ? null
            : new StokerException(ErrorKind.Forbidden, $"{host} leads to a {Name(kind)} address, which only an address typed by the owner may do, or one that the setting fetch.allow names.");
    }

    private static StokerException Refusal(string host) =>
        new(ErrorKind.Forbidden, $"STOKER_OFFLINE is set, so {Printable.Short(host)} is not contacted; only this machine's own addresses are.");

    private static bool IsOwnName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    private StokerException? WhyNotProxy(DnsEndPoint target, AddressClass kind) => access.Offline && kind != AddressClass.Loopback
        ? new StokerException(ErrorKind.Forbidden, $"STOKER_OFFLINE is set, so the proxy {Printable.Short(target.Host)} is not contacted.")
        : null;

    private static bool AllowsKind(HttpRequestMessage request, AddressClass kind) =>
        request.Options.TryGetValue(ReachKey, out var reach) && reach.Allows(kind);

    private static async Task<Stream> OpenAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Key(string host, int port) => $"{host.Trim('[', ']').ToLowerInvariant()}:{port}";

    private static string Name(AddressClass kind) => kind switch
    {
        AddressClass.LinkLocal => "link-local",
        _ => kind.ToString().ToLowerInvariant(),
    };
}

/// <summary>Which addresses one request may reach besides public ones.</summary>
internal readonly record struct AddressReach(bool Anywhere, AddressClass Also)
{
    /// <summary>By plain http too, beyond this machine: the digest that the owner gave tells whether the bytes are right.</summary>
    internal bool PlainHttp { get; init; }

    /// <summary>What the owner typed or configured.</summary>
    internal static AddressReach Owner => new(true, AddressClass.Public);

    /// <summary>What a stranger named.</summary>
    internal static AddressReach PublicOnly => new(false, AddressClass.Public);

    internal bool Allows(AddressClass kind) => kind == AddressClass.Public || Anywhere || (Also != AddressClass.Public && Also == kind);
}
