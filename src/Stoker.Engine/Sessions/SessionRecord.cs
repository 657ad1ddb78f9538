using System.Text.Json.Serialization;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Sessions;

/// <summary>One file of a session, as its snapshot names it.</summary>
/// <param name="Name">File name in the session's folder.</param>
/// <param name="EndCell">Its cells are those below this one, from where the file before it ends.</param>
internal sealed record ChainFile(string Name, int EndCell);

/// <summary>A region's name and row, from which <see cref="KvLayout.Of"/> makes the places.</summary>
internal sealed record RegionRow(string Name, int RowBytes);

/// <summary>An earlier state: at how many cells, and how long it is.</summary>
internal sealed record PointSize(int Cells, int Bytes);

/// <summary>What a snapshot file says of itself, readable without the rest. Untrusted until <see cref="Check"/> has passed.</summary>
internal sealed record SnapshotHead
{
    /// <summary>Most layers × (K, V) × caches that are believed.</summary>
    internal const int MaxRegions = 4096;

    /// <summary>Largest row that is believed, in bytes.</summary>
    internal const int MaxRowBytes = 256 << 10;

    internal const int MaxFiles = 64;

    internal const int MaxPoints = 64;

    public required SessionIdentity Identity { get; init; }
    public required int Cells { get; init; }
    public required int Messages { get; init; }

    /// <summary>Of earlier states, which lie before the last one.</summary>
    public IReadOnlyList<PointSize> Points { get; init; } = [];

    /// <summary>Null: cells lie in the state, and there are no files.</summary>
    public IReadOnlyList<RegionRow>? Rows { get; init; }
    public int PageSizeBytes { get; init; }
    public IReadOnlyList<ChainFile> Shared { get; init; } = [];
    public string? Own { get; init; }

    /// <summary>How the last answer can go on; null in snapshots of older programs.</summary>
    public KeptAnswer? Answer { get; init; }

    /// <summary>Cells known to have reached the disk; those beyond it may be lost when the machine, not only the process, stops.</summary>
    public int SyncedCells { get; init; }

    /// <summary>The start of the machine in which it was written.</summary>
    public string BootId { get; init; } = "";

    public DateTimeOffset SavedAt { get; init; }

    internal KvLayout? Layout() => Rows is null ? null : KvLayout.Of(PageSizeBytes, Rows.Select(static row => (row.Name, row.RowBytes)));

    /// <summary>The first thing that cannot be, or null.</summary>
    internal string? WhyNot()
    {
        if (Identity is null or { Model: null } or { ModelDigest: null } or { Runtime: null } or { KvTypes: null } or { Rope: null } or { Shape: null }) return "it does not say what it belongs to";
        if (Cells is < 0 or > KvLayout.MaxCells) return $"it has {Cells} cells";
        if (SyncedCells < 0 || SyncedCells > Cells) return $"it has {SyncedCells} synced cells of {Cells}";
        if (Messages < 0 || Shared is null || BootId is null || Answer is { Sampling: null } or { Stop: null }) return "a field has no sense";
        if (Points is null || Points.Count > MaxPoints || !ArePointsInOrder()) return "its earlier states have no sense";
        if (Rows is null) return Own is null && Shared.Count == 0 ? null : "it names files without a layout";
        if (PageSizeBytes is < 4096 or > 1 << 21 || !int.IsPow2(PageSizeBytes)) return $"its page size is {PageSizeBytes}";
        if (Rows.Count is 0 or > MaxRegions) return $"it has {Rows.Count} regions";
        if (Rows.Any(static row => row?.Name is null || row.RowBytes is <= 0 or > MaxRowBytes)) return "a row has no sense";
        return WhyNotFiles();
    }

    internal void Check(string subject)
    {
        if (WhyNot() is { } reason) throw SessionErrors.Damaged(subject, reason);
    }

    private bool ArePointsInOrder()
    {
        var last = 0;
        foreach (var point in Points)
        {
            if (point is null || point.Cells <= last || point.Cells >= Cells || point.Bytes <= 0) return false;
            last = point.Cells;
        }
        return true;
    }

    private string? WhyNotFiles()
    {
        if (Own is null || !SessionFolder.IsKvFileName(Own)) return "it does not name its own file";
        if (Shared.Count > MaxFiles) return $"it names {Shared.Count} files";
        var end = 0;
        foreach (var file in Shared)
        {
            if (file?.Name is null || !SessionFolder.IsKvFileName(file.Name)) return "it names a file that is none of a session's";
            if (file.EndCell <= end || file.EndCell > Cells) return "its files do not follow each other";
            end = file.EndCell;
        }
        return null;
    }
}

/// <summary>A snapshot with all that its file holds.</summary>
/// <param name="Sums">CRC-32C of each block of cells (<see cref="CellSums"/>).</param>
internal sealed record SessionRecord(SnapshotHead Head, SessionSnapshot Snapshot, IReadOnlyList<uint> Sums);

/// <summary>What a session is called, apart from its snapshots.</summary>
internal sealed record SessionLabel
{
    public required int Version { get; init; }
    public required string Id { get; init; }

    /// <summary>Null: a conversation that the prompt cache keeps.</summary>
    public string? Name { get; init; }

    /// <summary>Whose it is; names are unique within it.</summary>
    public string Scope { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 16)]
[JsonSerializable(typeof(SnapshotHead))]
[JsonSerializable(typeof(SessionLabel))]
[JsonSerializable(typeof(IReadOnlyList<ChatMessage>))]
internal sealed partial class SessionJson : JsonSerializerContext;
