using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Stoker.Server;

/// <summary>
/// The daemon's log: one line an event, UTC, written at once, so that the last words before a crash are there. Control characters
/// in messages become spaces; an exception follows on lines of its own. Thread-safe.
/// </summary>
public sealed class LineLog(TextWriter output, LogLevel minimum, TimeProvider time) : ILoggerFactory
{
    private readonly Lock _gate = new();

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("One log.");

    public void Dispose() => output.Flush();

    private void Write(string category, LogLevel level, string message, Exception? exception)
    {
        var now = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var line = string.Concat(message.Select(static letter => char.IsControl(letter) ? ' ' : letter));
        lock (_gate)
        {
            output.WriteLine($"{now} {Word(level)} {category}: {line}");
            if (exception is not null) output.WriteLine(exception);
            output.Flush();
        }
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "warn ",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private sealed class Category(LineLog log, string name) : ILogger
    {
        // Kestrel tells of every connection that a client cut; below a warning that is noise.
        private readonly LogLevel _minimum = name.StartsWith("Microsoft", StringComparison.Ordinal) && log.Minimum < LogLevel.Warning ? LogLevel.Warning : log.Minimum;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= _minimum && logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) log.Write(name, logLevel, formatter(state, exception), exception);
        }
    }

    private LogLevel Minimum => minimum;
}
