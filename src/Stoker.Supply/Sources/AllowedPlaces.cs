using System.Net;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>Private places that the owner lets redirects lead to: by host name, address or network. Immutable.</summary>
public sealed class AllowedPlaces
{
    private readonly HashSet<string> _hosts = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<IPNetwork> _networks = [];

    private AllowedPlaces()
    {
    }

    public static AllowedPlaces None { get; } = new();

    /// <exception cref="StokerException">InvalidInput: none of the three.</exception>
    public static AllowedPlaces Parse(IReadOnlyList<string> places)
    {
        var made = new AllowedPlaces();
        foreach (var place in places)
        {
            var text = place.Trim('[', ']');
            if (IPNetwork.TryParse(text, out var network)) made._networks.Add(network);
            else if (IPAddress.TryParse(text, out var address)) made._networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else if (Uri.CheckHostName(text) == UriHostNameType.Dns) made._hosts.Add(text);
            else throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(place)}' is neither a host name nor an address nor a network like 10.0.0.0/8.");
        }
        return made;
    }

    /// <param name="host">As the redirect names it.</param>
    /// <param name="address">What is really connected.</param>
    public bool Has(string host, IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _hosts.Contains(host) || _networks.Exists(network => network.Contains(plain));
    }
}
