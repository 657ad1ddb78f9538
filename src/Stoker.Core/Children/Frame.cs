namespace Stoker.Core.Children;

/// <summary>One message between the daemon and a child: which request it belongs to, what it is, its content.</summary>
public readonly record struct Frame(uint RequestId, ushort Kind, ReadOnlyMemory<byte> Payload);

/// <summary>Kinds that the link itself uses; a child's own kinds begin at <see cref="FirstOwn"/>.</summary>
public static class FrameKinds
{
    /// <summary>Child to daemon, first of all: nonce, protocol version, fingerprint.</summary>
    public const ushort Hello = 1;

    /// <summary>Daemon to child: so many more frames may be sent for this request (4 bytes, little-endian).</summary>
    public const ushort Grant = 2;

    /// <summary>Daemon to child: nobody wants this request's answer any more.</summary>
    public const ushort Cancel = 3;

    /// <summary>Child to daemon: the request is answered; the last frame of it.</summary>
    public const ushort End = 4;

    /// <summary>Child to daemon: the request failed, with kind and message; the last frame of it.</summary>
    public const ushort Failed = 5;

    public const ushort FirstOwn = 16;
}
