namespace Stoker.Server.Admin.Contracts;

/// <summary>Which daemon answers. The CLI compares <see cref="Version"/> with its own.</summary>
public sealed record VersionReport
{
    public required string Version { get; init; }
    public required int Pid { get; init; }

    /// <summary>UTC.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Of the runtime, e.g. <c>.NET 10.0.0</c>.</summary>
    public required string Runtime { get; init; }
}

/// <summary>The daemon at one moment.</summary>
public sealed record StatusReport
{
    public required VersionReport Daemon { get; init; }
    public required string Home { get; init; }
    public required string SocketPath { get; init; }

    /// <summary>Where HTTP is served, e.g. <c>http://127.0.0.1:5050</c>; empty when the address was taken.</summary>
    public IReadOnlyList<string> Urls { get; init; } = [];

    /// <summary>Why HTTP is not served on TCP, or null.</summary>
    public string? TcpProblem { get; init; }

    public bool KeyRequired { get; init; }
    public int InstalledModels { get; init; }
    public int LoadedModels { get; init; }
    public int RunningJobs { get; init; }
    public int QueuedJobs { get; init; }

    /// <summary>What the daemon holds of memory by itself (RssAnon, VmRSS); runners apart.</summary>
    public long RssAnonBytes { get; init; }
    public long RssBytes { get; init; }

    /// <summary>Of all installed models.</summary>
    public long ModelsBytes { get; init; }

    /// <summary>On the file system that holds home.</summary>
    public long FreeBytes { get; init; }
}

/// <summary>The settings in force.</summary>
public sealed record ConfigReport(IReadOnlyList<ConfigEntry> Entries);

/// <param name="Name">As in config.json.</param>
/// <param name="Value">A secret is shown as <c>(set)</c>.</param>
/// <param name="Origin"><c>flag</c>, <c>environment</c>, <c>file</c> or <c>default</c>.</param>
public sealed record ConfigEntry(string Name, string? Value, string Origin);

/// <summary>Whether everything that Stoker needs is there.</summary>
public sealed record HealthReport(bool Ok, IReadOnlyList<HealthCheck> Checks);

/// <summary>One question and its answer.</summary>
public sealed record HealthCheck(string Name, HealthState State, string Message);

public enum HealthState
{
    Ok,

    /// <summary>Works, with something to know.</summary>
    Warning,
    Failed,
}
