using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;

namespace Stoker.Server.Admin.Contracts;

/// <summary>All sessions, those used last first.</summary>
/// <param name="UsedBytes">Disk blocks of all of them; what several share counts once.</param>
/// <param name="QuotaBytes">What they may take (<c>sessions.quota</c>), or null: what the disk has.</param>
public sealed record SessionList(IReadOnlyList<SessionSummary> Sessions, long UsedBytes, long? QuotaBytes);

/// <summary>All of <c>stoker sessions show</c>.</summary>
/// <param name="Messages">The conversation as text; null when it cannot be read.</param>
/// <param name="Problem">Why not, or null.</param>
public sealed record SessionReport(SessionSummary Summary, IReadOnlyList<ChatMessage>? Messages, string? Problem);

/// <summary>A session, and the name of the one that is to be (fork), or its new one (rename).</summary>
public sealed record SessionNaming(string Name, string NewName);

/// <summary>What was removed.</summary>
/// <param name="FreedBytes">On disk; what others share stays.</param>
public sealed record SessionRemoved(string Id, string? Name, long FreedBytes);

/// <summary>What <c>stoker sessions verify</c> has found of one session: told again and again while it is read, then once more.</summary>
/// <param name="Cells">Tokens that it holds.</param>
/// <param name="ReadBytes">Of their cells, so far.</param>
/// <param name="Damage">What is wrong with it, or null.</param>
public sealed record SessionVerified(string Id, string? Name, int Cells, long ReadBytes, string? Damage)
{
    /// <summary>Why it could not be read to its end, or null.</summary>
    public string? Problem { get; init; }

    public bool IsDone { get; init; } = true;
}

/// <summary>What <c>stoker sessions verify --json</c> writes.</summary>
public sealed record SessionChecks(IReadOnlyList<SessionVerified> Sessions);
