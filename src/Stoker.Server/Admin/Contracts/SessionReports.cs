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

/// <summary>What <c>stoker sessions verify</c> found.</summary>
public sealed record SessionChecks(IReadOnlyList<SessionCheck> Sessions);
