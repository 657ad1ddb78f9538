namespace Stoker.Core.Models;

/// <summary>Trust follows the transport: who a caller is, is known from how they reached the daemon.</summary>
public enum CallerTrust
{
    /// <summary>Over TCP: installed models only; names no file, no address, changes nothing.</summary>
    Network,

    /// <summary>Over the Unix socket, another member of the service's group: may manage, but names no file and no private address.</summary>
    Group,

    /// <summary>Over the Unix socket, the daemon's own user or root: may name any address or file.</summary>
    Owner,
}
