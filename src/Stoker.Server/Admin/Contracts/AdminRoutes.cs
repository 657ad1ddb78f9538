using Stoker.Supply;

namespace Stoker.Server.Admin.Contracts;

/// <summary>
/// Every route of management, on the Unix socket alone. A model's name goes into a query or a body, never into the path,
/// because names have slashes and colons. Bodies and answers are JSON; errors are <c>ErrorEnvelope</c>s.
/// </summary>
public static class AdminRoutes
{
    /// <summary>GET → <see cref="VersionReport"/>.</summary>
    public const string Version = "/admin/version";

    /// <summary>GET → <see cref="StatusReport"/>.</summary>
    public const string Status = "/admin/status";

    /// <summary>GET → <see cref="JobList"/>.</summary>
    public const string Jobs = "/admin/jobs";

    /// <summary>POST <see cref="PullRequest"/> → 202 and the job's snapshot; one that runs already is joined.</summary>
    public const string Pull = "/admin/jobs/pull";

    /// <summary>GET → the job's snapshot.</summary>
    public const string Job = "/admin/jobs/{id}";

    /// <summary>GET → SSE: <c>event: job</c> with a snapshot each, the newest at once, the final one last.</summary>
    public const string JobEvents = "/admin/jobs/{id}/events";

    /// <summary>POST → the job's snapshot. Ended already: nothing happens.</summary>
    public const string JobCancel = "/admin/jobs/{id}/cancel";

    /// <summary>POST → the job's snapshot. It stops soon and keeps what it has; ended already: nothing happens.</summary>
    public const string JobPause = "/admin/jobs/{id}/pause";

    /// <summary>POST → the job's snapshot. Not paused: nothing happens.</summary>
    public const string JobResume = "/admin/jobs/{id}/resume";

    /// <summary>GET → <see cref="ModelList"/>. DELETE <c>?name=</c> → <see cref="RemovedReport"/>.</summary>
    public const string Models = "/admin/models";

    /// <summary>GET <c>?name=</c> → <see cref="ModelReport"/>.</summary>
    public const string ModelShow = "/admin/models/show";

    /// <summary>GET → <see cref="StoreUsage"/>.</summary>
    public const string Store = "/admin/store";

    /// <summary>POST <see cref="CollectRequest"/> → <see cref="CollectReport"/>.</summary>
    public const string Collect = "/admin/store/gc";

    /// <summary>GET → <see cref="LoadedList"/>.</summary>
    public const string Loaded = "/admin/ps";

    /// <summary>POST <see cref="UnloadRequest"/> → <see cref="UnloadReport"/>, after the running answers, or (<c>now</c>) ending them.</summary>
    public const string Unload = "/admin/unload";

    /// <summary>GET (<c>?all=1</c>: those without a name too) → <see cref="SessionList"/>. DELETE <c>?name=</c> → <see cref="SessionRemoved"/>. A name may be an id.</summary>
    public const string Sessions = "/admin/sessions";

    /// <summary>GET <c>?name=</c> → <see cref="SessionReport"/>.</summary>
    public const string SessionShow = "/admin/sessions/show";

    /// <summary>POST <see cref="SessionNaming"/> → the new session's summary.</summary>
    public const string SessionFork = "/admin/sessions/fork";

    /// <summary>POST <see cref="SessionNaming"/> → the session's summary.</summary>
    public const string SessionRename = "/admin/sessions/rename";

    /// <summary>GET <c>?name=</c> → application/octet-stream, a session archive.</summary>
    public const string SessionExport = "/admin/sessions/export";

    /// <summary>POST <c>?name=</c> with an archive as the body, of any length → the new session's summary.</summary>
    public const string SessionImport = "/admin/sessions/import";

    /// <summary>
    /// POST <c>?name=</c> (none: every session) → SSE: <c>event: session</c> with a <see cref="SessionVerified"/> each, many times while
    /// one is read, then <c>[DONE]</c>.
    /// </summary>
    public const string SessionVerify = "/admin/sessions/verify";

    /// <summary>GET → <see cref="ConfigReport"/>.</summary>
    public const string Config = "/admin/config";

    /// <summary>GET → <see cref="HealthReport"/>.</summary>
    public const string Health = "/admin/health";

    /// <summary>
    /// GET <c>?source=daemon|runner&amp;lines=200&amp;follow=true</c> → text/plain, the last lines; with follow, new ones as they come,
    /// until the caller leaves.
    /// </summary>
    public const string Logs = "/admin/logs";

    /// <summary>POST → 202 <see cref="VersionReport"/> of the daemon that is about to end; the socket closes when it has.</summary>
    public const string Shutdown = "/admin/shutdown";

    public static string JobOf(string id) => $"/admin/jobs/{Uri.EscapeDataString(id)}";

    public static string JobEventsOf(string id) => JobOf(id) + "/events";

    public static string JobCancelOf(string id) => JobOf(id) + "/cancel";

    public static string JobPauseOf(string id) => JobOf(id) + "/pause";

    public static string JobResumeOf(string id) => JobOf(id) + "/resume";

    public static string ModelShowOf(string name) => $"{ModelShow}?name={Uri.EscapeDataString(name)}";

    public static string ModelRemoveOf(string name) => $"{Models}?name={Uri.EscapeDataString(name)}";

    public static string SessionOf(string route, string name) => $"{route}?name={Uri.EscapeDataString(name)}";
}
