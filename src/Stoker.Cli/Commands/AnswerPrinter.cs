using System.Globalization;
using System.Text;
using System.Text.Json;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Progress;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>An answer that was printed.</summary>
/// <param name="Text">As the model wrote it.</param>
/// <param name="Interrupted">Ctrl-C ended it.</param>
public sealed record PrintedAnswer(string Text, bool Interrupted);

/// <summary>Asks for one answer and prints it as it comes: text on standard output, all else on standard error.</summary>
public sealed class AnswerPrinter(CliContext context, DaemonClient client, RunOptions options)
{
    private readonly CliConsole _console = context.Console;
    private readonly HashSet<string> _warned = [];

    /// <summary>The conversation is kept under a name: only what is new is sent.</summary>
    public bool InSession => options.Template.Session is not null;

    /// <summary>Has the model loaded, and shows how that goes.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var status = new LiveLine(_console);
        var stages = new List<StageProgress>();
        var load = options.Template with { Messages = [new ChatTurn("user", "-")], Session = null, Append = false, Stoker = options.Template.Stoker! with { LoadOnly = true } };
        try
        {
            await foreach (var sent in client.ChatAsync(load, cancellationToken))
            {
                if (sent.Name != "progress") continue;
                var report = Parse(sent.Text, AdminJson.Default.StageProgress);
                stages.Add(report);
                Warn(report, status);
                status.Show(Describe(report));
            }
        }
        finally
        {
            status.Clear();
        }
        var time = new TimeLine();
        time.Take(stages);
        if (options.Verbose) _console.Note(_console.Dim(time.Compose()));
    }

    /// <param name="turns">The conversation so far, ending with the user's turn; with a session only what is new. None: its last answer goes on.</param>
    /// <param name="time">What went before (a pull); told with <c>--verbose</c>.</param>
    /// <param name="cancellationToken">Ends the answer; what came is returned.</param>
    /// <param name="startAnew">With a session: the turns are the whole conversation.</param>
    public async Task<PrintedAnswer> PrintAsync(IReadOnlyList<ChatTurn> turns, TimeLine time, CancellationToken cancellationToken, bool startAnew = false)
    {
        var request = options.Template with { Messages = turns };
        if (startAnew) request = request with { Append = false };
        if (turns.Count == 0) request = request with { Append = false, Continue = true };
        var text = new StringBuilder();
        var status = new LiveLine(_console);
        var stages = new List<StageProgress>();
        var begun = context.Time.GetTimestamp();
        var (finish, interrupted) = (default(string), false);
        try
        {
            await foreach (var sent in client.ChatAsync(request, cancellationToken))
            {
                if (sent.Name == "progress")
                {
                    var report = Parse(sent.Text, AdminJson.Default.StageProgress);
                    stages.Add(report);
                    Warn(report, status);
                    if (text.Length == 0) status.Show(Describe(report));
                    continue;
                }
                var chunk = Parse(sent.Text, OpenAiJson.Default.ChatChunk);
                Count(chunk, time);
                if (chunk.Choices.Count == 0) continue;
                finish = chunk.Choices[0].FinishReason ?? finish;
                if (chunk.Choices[0].Delta.Content is not { Length: > 0 } piece) continue;
                if (text.Length == 0)
                {
                    status.Clear();
                    time.FirstToken = context.Time.GetElapsedTime(begun);
                }
                text.Append(piece);
                _console.Out.Write(_console.OutIsTerminal ? TerminalText.Clean(piece) : piece);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            interrupted = true;
        }
        catch (StokerException)
        {
            // The error gets a line of its own.
            status.Clear();
            if (text.Length > 0) _console.Out.WriteLine();
            if (text.Length > 0 && InSession) _console.Note(_console.Dim("(The conversation is kept up to its last snapshot: --continue, or /continue in a chat, goes on with this answer.)"));
            throw;
        }
        status.Clear();
        EndLine(text);
        time.Take(stages);
        Remark(finish, request, time);
        return new PrintedAnswer(text.ToString(), interrupted);
    }

    // A stage may say it in several reports.
    private void Warn(StageProgress report, LiveLine status)
    {
        if (report.Warning is not { } warning || !_warned.Add(warning)) return;
        status.Clear();
        _console.Note(Printable.Short(warning, 300));
    }

    // A file gets the answer's bytes and a closing newline; so does a terminal.
    private void EndLine(StringBuilder text)
    {
        if (text.Length == 0 || text[^1] != '\n') _console.Out.WriteLine();
    }

    private void Remark(string? finish, ChatRequest request, TimeLine time)
    {
        // An answer that went on may have ended at the length that it began with.
        if (finish == "length" && request is { MaxCompletionTokens: null, Continue: false })
            _console.Note(_console.Dim("(The answer ends here because the context is full: --ctx makes it larger.)"));
        if (options.Verbose) _console.Note(_console.Dim(time.Compose()));
    }

    private static void Count(ChatChunk chunk, TimeLine time)
    {
        if (chunk.Timings is not { } timings) return;
        time.PromptTokens = timings.PromptN + timings.CacheN;
        time.CachedTokens = timings.CacheN;
        time.GeneratedTokens = timings.PredictedN;
        time.TokensPerSecond = timings.PredictedPerSecond;
        time.Seed = timings.Seed;
    }

    private static string Describe(StageProgress report)
    {
        var verb = JobLine.Verb(report.Stage);
        var share = report.TotalBytes is > 0 and var total ? string.Create(CultureInfo.InvariantCulture, $" {Math.Clamp(report.DoneBytes * 100 / total, 0, 100)}%") : "";
        var note = report is { Stage: Stage.Wait, Note: { } what } ? $" {Printable.Short(what)}" : "";
        return $"{verb}{share}{note} …";
    }

    private static T Parse<T>(string text, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(text, type) ?? throw new JsonException("null");
        }
        catch (JsonException problem)
        {
            throw new StokerException(ErrorKind.Internal, "The daemon's stream cannot be read: it may be of another version. Restart it: stoker serve --stop", problem);
        }
    }
}
