using System.Net;
using System.Net.Sockets;

namespace Stoker.Supply.Sources;

/// <summary>What an address leads to.</summary>
public enum AddressClass
{
    Public,
    Loopback,

    /// <summary>Private networks, unique local addresses, carrier-grade NAT.</summary>
    Private,

    /// <summary>Link-local, which holds the metadata services of clouds.</summary>
    LinkLocal,

    /// <summary>Unspecified, multicast, reserved: no origin is there.</summary>
    Reserved,
}

/// <summary>
/// Sorts addresses by the registries of special-purpose addresses (RFC 6890 and what came after it). Pure. IPv4 inside IPv6 (mapped,
/// NAT64, 6to4) counts as what it holds.
/// </summary>
public static class AddressClasses
{
    public static AddressClass Of(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) return OfFour(address.GetAddressBytes());
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return AddressClass.Reserved;
        var bytes = address.GetAddressBytes();
        if (IPAddress.IsLoopback(address)) return AddressClass.Loopback;
        if (address.IsIPv4MappedToIPv6) return OfFour(bytes.AsSpan(12));
        if (bytes is [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..]) return OfFour(bytes.AsSpan(12)); // NAT64
        if (bytes is [0x00, 0x64, 0xff, 0x9b, 0, 1, ..]) return AddressClass.Private; // a network's own NAT64 (RFC 8215): it leads wherever that network says
        if (bytes is [0x20, 0x02, ..]) return OfFour(bytes.AsSpan(2, 4)); // 6to4
        if (address.IsIPv6LinkLocal) return AddressClass.LinkLocal;
        if (address.IsIPv6UniqueLocal || address.IsIPv6SiteLocal) return AddressClass.Private;
        // Nothing beyond 2000::/3 is given out. In 2001::/23 are tunnels (Teredo, whose host may be private) and protocols' own addresses.
        var isGivenOut = bytes[0] >> 5 == 1 && bytes is not [0x20, 0x01, <= 0x01, ..] and not [0x20, 0x01, 0x0d, 0xb8, ..] and not [0x3f, 0xff, <= 0x0f, ..];
        return isGivenOut ? AddressClass.Public : AddressClass.Reserved;
    }

    private static AddressClass OfFour(ReadOnlySpan<byte> bytes) => (bytes[0], bytes[1]) switch
    {
        (127, _) => AddressClass.Loopback,
        (10, _) or (192, 168) => AddressClass.Private,
        (172, >= 16 and <= 31) => AddressClass.Private,
        (100, >= 64 and <= 127) => AddressClass.Private,
        (198, 18 or 19) => AddressClass.Private,
        (169, 254) => AddressClass.LinkLocal,
        (0, _) or (>= 224, _) => AddressClass.Reserved,
        (192, 0) when bytes[2] == 0 => AddressClass.Reserved,
        _ => AddressClass.Public,
    };
}
