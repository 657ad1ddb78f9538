using Microsoft.Extensions.Logging;

namespace Stoker.Server;

/// <summary>Log lines of the daemon as a whole.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(EventId = 5000, Level = LogLevel.Information, Message = "Started version {Version} as process {Pid} on {Home} in {ElapsedMs} ms")]
    public static partial void Started(ILogger logger, string version, int pid, string home, double elapsedMs);

    [LoggerMessage(EventId = 5001, Level = LogLevel.Information, Message = "Recovered {Bytes} bytes of abandoned downloads")]
    public static partial void Recovered(ILogger logger, long bytes);

    [LoggerMessage(EventId = 5002, Level = LogLevel.Information, Message = "Stopped after {ElapsedMs} ms")]
    public static partial void Stopped(ILogger logger, double elapsedMs);

    [LoggerMessage(EventId = 5003, Level = LogLevel.Information, Message = "Recovered {Folders} folders of sessions that were being made or removed")]
    public static partial void RecoveredSessions(ILogger logger, int folders);

    [LoggerMessage(EventId = 5004, Level = LogLevel.Warning, Message = "{Path} {Reason}, and a new one was made: by API keys, {Named} sessions are not found any more (stoker sessions list still has them; to give them back to their keys, end the daemon and restore that file from a backup), and {Cached} conversations of the prompt cache were removed")]
    public static partial void ScopeSecretLost(ILogger logger, string path, string reason, int named, int cached);

    [LoggerMessage(EventId = 5005, Level = LogLevel.Information, Message = "Removed {Conversations} conversations of the prompt cache: kv.promptCache is off")]
    public static partial void PromptCacheRemoved(ILogger logger, int conversations);

    [LoggerMessage(EventId = 5006, Level = LogLevel.Warning, Message = "Conversations cannot be kept as they should: {Problem}")]
    public static partial void SessionsUnusable(ILogger logger, string problem);
}
