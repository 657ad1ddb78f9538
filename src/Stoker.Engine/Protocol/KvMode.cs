namespace Stoker.Engine.Protocol;

/// <summary>Where the KV cells of conversations lie.</summary>
public enum KvMode
{
    /// <summary>In files where that can be had, else in memory, with the reason.</summary>
    Auto,

    /// <summary>In each conversation's own file, mapped in place; or an error.</summary>
    Ssd,

    /// <summary>In the memory of the process.</summary>
    Ram,
}
