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

/// <summary>Sorts addresses. Pure. IPv4 inside IPv6 (mapped, NAT64, 6to4) counts as what it holds.</summary>
public static class AddressClasses
{
    public static AddressClass Of(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork) return OfFour(address.GetAddressBytes());
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return AddressClass.Reserved;
        var bytes = address.GetAddressBytes();
        if (IPAddress.IsLoopback(address)) return AddressClass.Loopback;
        if (address.IsIPv4MappedToIPv6) return OfFour(bytes.AsSpan(12));
        if (bytes.AsSpan(0, 12).IndexOfAnyExcept((byte)0) < 0) return AddressClass.Reserved; // ::, and IPv4-compatible
        if (bytes is [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..]) return OfFour(bytes.AsSpan(12)); // NAT64
        if (bytes[0] == 0x20 && bytes[1] == 0x02) return OfFour(bytes.AsSpan(2, 4)); // 6to4
        if (address.IsIPv6LinkLocal) return AddressClass.LinkLocal;
        if (address.IsIPv6UniqueLocal || address.IsIPv6SiteLocal) return AddressClass.Private;
        return address.IsIPv6Multicast ? AddressClass.Reserved : AddressClass.Public;
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
