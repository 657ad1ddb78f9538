using Microsoft.Extensions.Logging;

namespace Stoker.Server.Admin;

/// <summary>Log lines of management. References are shown without what may be secret in them; tokens never.</summary>
internal static partial class AdminLog
{
    [LoggerMessage(EventId = 5300, Level = LogLevel.Information, Message = "Job {Id} began: pull {Reference}")]
    public static partial void PullBegan(ILogger logger, string id, string reference);

    [LoggerMessage(EventId = 5301, Level = LogLevel.Information, Message = "Job {Id} pulled {Model}: {Bytes} bytes fetched")]
    public static partial void Pulled(ILogger logger, string id, string model, long bytes);

    [LoggerMessage(EventId = 5302, Level = LogLevel.Information, Message = "Removed {Model}: {Bytes} bytes freed")]
    public static partial void Removed(ILogger logger, string model, long bytes);

    [LoggerMessage(EventId = 5306, Level = LogLevel.Information, Message = "Collected {Count} files that nobody needs: {Bytes} bytes freed")]
    public static partial void Collected(ILogger logger, int count, long bytes);

    [LoggerMessage(EventId = 5303, Level = LogLevel.Information, Message = "Shutdown asked for over the socket")]
    public static partial void ShutdownAsked(ILogger logger);

    [LoggerMessage(EventId = 5304, Level = LogLevel.Error, Message = "A defect ended job {Id}")]
    public static partial void JobDefect(ILogger logger, string id, Exception exception);

    [LoggerMessage(EventId = 5305, Level = LogLevel.Warning, Message = "Job {Id} failed with {Kind}: {Problem}")]
    public static partial void PullFailed(ILogger logger, string id, string kind, string problem);

    [LoggerMessage(EventId = 5309, Level = LogLevel.Information, Message = "Session {Id} removed: {Bytes} bytes freed")]
    public static partial void SessionRemoved(ILogger logger, string id, long bytes);

    [LoggerMessage(EventId = 5307, Level = LogLevel.Information, Message = "Session {Id} made of {From}")]
    public static partial void SessionMade(ILogger logger, string id, string from);

    [LoggerMessage(EventId = 5308, Level = LogLevel.Warning, Message = "Session {Id} is damaged: {Damage}")]
    public static partial void SessionDamaged(ILogger logger, string id, string damage);
}
