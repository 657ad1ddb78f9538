namespace Stoker.Engine.Sessions;

/// <summary>How sessions are kept.</summary>
public sealed record SessionStoreOptions
{
    /// <summary>The folder of all of them.</summary>
    public required string Root { get; init; }

    /// <summary>True: what was saved survives the loss of power too; each save waits for the disk.</summary>
    public bool Sync { get; init; }

    /// <summary>Bytes on disk that all sessions may take, or null for what the disk has. Those of the prompt cache go when it is reached.</summary>
    public long? QuotaBytes { get; init; }
}

/// <summary>What a session is doing.</summary>
public enum SessionState
{
    Idle,

    /// <summary>Some process holds it.</summary>
    InUse,

    /// <summary>Created, and never saved.</summary>
    Empty,

    /// <summary>Its snapshot cannot be read.</summary>
    Damaged,
}

/// <summary>A session as lists show it.</summary>
public sealed record SessionSummary
{
    public required string Id { get; init; }
    /// <summary>Null: one that the prompt cache keeps.</summary>
    public string? Name { get; init; }
    public required string Scope { get; init; }
    public required SessionState State { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last opened or closed.</summary>
    public required DateTimeOffset UsedAt { get; init; }

    /// <summary>When every byte of it was read and compared last; null: never.</summary>
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>Null: nothing was saved yet, or it cannot be read.</summary>
    public SessionIdentity? Identity { get; init; }

    public int Cells { get; init; }
    public int Messages { get; init; }

    /// <summary>The last answer was broken off, or ended at its length: it can go on.</summary>
    public bool IsUnfinished { get; init; }

    /// <summary>Disk blocks that go when it is removed, in bytes.</summary>
    public long OwnBytes { get; init; }

    /// <summary>Disk blocks of files that it shares with others, in bytes.</summary>
    public long SharedBytes { get; init; }
}
