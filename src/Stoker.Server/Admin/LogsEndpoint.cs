using System.Globalization;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Server.Admin;

/// <summary>The end of the daemon's log or of the runners', and what follows.</summary>
/// <param name="daemonLog">Absolute path.</param>
/// <param name="runnerLog">Absolute path; each line names its model in brackets.</param>
public sealed class LogsEndpoint(string daemonLog, string runnerLog, TimeProvider time)
{
    private const int MaxLines = 100_000;

    public void Map(RouteTable routes) => routes.Add("GET", AdminRoutes.Logs, Exposure.Socket, WriteAsync);

    /// <summary>How a runner's line begins after its time.</summary>
    public static string Mark(string model) => $"[{Printable.Short(model, 200)}] ";

    private async Task WriteAsync(HttpCall call)
    {
        var lines = Lines(call);
        var model = call.Query("model");
        var (path, wanted) = call.Query("source") switch
        {
            null or "daemon" => (daemonLog, static _ => true),
            "runner" => (runnerLog, model is null ? static _ => true : (Func<string, bool>)(line => line.Contains(Mark(model), StringComparison.Ordinal))),
            var other => throw new RequestException(ErrorKind.InvalidInput, $"'{Printable.Short(other)}' is not a log: daemon or runner.", "source"),
        };
        var response = call.Http.Response;
        response.ContentType = "text/plain; charset=utf-8";
        // Sends the head, so that a follower knows that it is heard though no line comes.
        await response.StartAsync(call.Aborted);
        await foreach (var line in new LogFile(path, time).ReadAsync(lines, call.Query("follow") == "true", wanted, call.Aborted))
        {
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), call.Aborted);
            await response.Body.FlushAsync(call.Aborted);
        }
    }

    private static int Lines(HttpCall call)
    {
        if (call.Query("lines") is not { } text) return 200;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var lines) && lines <= MaxLines
            ? lines
            : throw new RequestException(ErrorKind.InvalidInput, $"lines must be a number from 0 to {MaxLines}.", "lines");
    }
}
