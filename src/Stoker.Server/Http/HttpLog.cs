using Microsoft.Extensions.Logging;

namespace Stoker.Server.Http;

/// <summary>Log lines of HTTP. Nothing from a header, a query or a body goes into them.</summary>
internal static partial class HttpLog
{
    [LoggerMessage(EventId = 5100, Level = LogLevel.Information, Message = "Served HTTP on {Address}")]
    public static partial void Listening(ILogger logger, string address);

    [LoggerMessage(EventId = 5101, Level = LogLevel.Warning, Message = "HTTP is not served on TCP: {Problem}")]
    public static partial void TcpProblem(ILogger logger, string problem);

    [LoggerMessage(EventId = 5102, Level = LogLevel.Debug, Message = "Answered {Method} {Route} with {Status} in {ElapsedMs} ms")]
    public static partial void Answered(ILogger logger, string method, string route, int status, double elapsedMs);

    [LoggerMessage(EventId = 5103, Level = LogLevel.Error, Message = "A defect ended {Method} {Route}")]
    public static partial void Defect(ILogger logger, string method, string route, Exception exception);

    [LoggerMessage(EventId = 5104, Message = "{Method} {Route} failed with {Kind}: {Problem}")]
    public static partial void Failed(ILogger logger, LogLevel level, string method, string route, string kind, string problem);

    [LoggerMessage(EventId = 5105, Level = LogLevel.Warning, Message = "Connections were cut that had not ended some time after all behind them had")]
    public static partial void CutConnections(ILogger logger);
}
