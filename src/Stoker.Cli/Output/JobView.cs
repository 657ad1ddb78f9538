using System.Globalization;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Progress;

namespace Stoker.Cli.Output;

/// <summary>
/// Shows jobs on standard error while they run. On a terminal: one line a job, rewritten in place. Elsewhere: a line when a step
/// begins or ends, and one every few seconds between. One thread at a time.
/// </summary>
public sealed class JobView(CliConsole console, TimeProvider time)
{
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainEvery = TimeSpan.FromSeconds(10);

    private readonly List<string> _order = [];
    private readonly Dictionary<string, JobSnapshot> _latest = [];
    private readonly Dictionary<string, string> _lastPlain = [];
    private readonly bool _live = console.ErrorIsTerminal && console.Ansi;

    private int _drawnLines;
    private long _lastDraw;

    /// <summary>Gives a job its line, below those that came before; drawn with the next update.</summary>
    public void Add(JobSnapshot snapshot)
    {
        if (_latest.TryAdd(snapshot.Id, snapshot)) _order.Add(snapshot.Id);
    }

    /// <summary>Takes a job's newest state and shows it when it is time to.</summary>
    public void Update(JobSnapshot snapshot)
    {
        Add(snapshot);
        _latest[snapshot.Id] = snapshot;
        if (_live)
        {
            if (_drawnLines > 0 && !snapshot.HasEnded && time.GetElapsedTime(_lastDraw) < RedrawEvery) return;
            Redraw();
        }
        else
        {
            WritePlain(snapshot);
        }
    }

    /// <summary>Takes the lines away (before another line is written); the next update draws them again.</summary>
    public void Clear()
    {
        if (_drawnLines == 0) return;
        console.Error.Write(EraseDrawn());
        _drawnLines = 0;
    }

    private void Redraw()
    {
        var width = Math.Max(10, console.Width() - 1);
        var text = new StringBuilder(EraseDrawn());
        foreach (var id in _order) text.Append(TextWidth.Cut(JobLine.Compose(_latest[id], width, time.GetUtcNow()), width)).Append('\n');
        console.Error.Write(text.ToString());
        _drawnLines = _order.Count;
        _lastDraw = time.GetTimestamp();
    }

    // Up to the first of our lines and clear from there: never more than what we drew.
    private string EraseDrawn() => _drawnLines == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"\r\e[{_drawnLines}A\e[0J");

    private void WritePlain(JobSnapshot snapshot)
    {
        var step = snapshot.HasEnded ? "end" : snapshot.State == JobState.Paused ? "paused" : JobLine.Current(snapshot)?.Stage.ToString() ?? "queued";
        var changed = _lastPlain.GetValueOrDefault(snapshot.Id) != step;
        if (!changed && time.GetElapsedTime(_lastDraw) < PlainEvery) return;
        _lastPlain[snapshot.Id] = step;
        _lastDraw = time.GetTimestamp();
        console.Error.WriteLine(JobLine.ComposePlain(snapshot, time.GetUtcNow()));
    }
}

/// <summary>One line about a job; pure.</summary>
public static class JobLine
{
    private const int BarColumns = 20;

    /// <summary>What the job is at: a step's totals before a file's, else the newest unfinished report.</summary>
    public static StageProgress? Current(JobSnapshot job)
    {
        var open = job.Progress.Where(static report => !report.IsDone).ToList();
        if (open.Count == 0) return job.Progress.Count > 0 ? job.Progress[^1] : null;
        var stage = open.Max(static report => report.Stage);
        return open.FirstOrDefault(report => report.Stage == stage && report.Item is null) ?? Sum(job.Progress.Where(report => report.Stage == stage).ToList());
    }

    /// <summary>With a bar that grows into the columns left; for terminals.</summary>
    public static string Compose(JobSnapshot job, int width, DateTimeOffset now)
    {
        if (job.HasEnded) return Ended(job, now);
        if (job.State == JobState.Paused) return Paused(job);
        if (Current(job) is not { } at) return $"{Title(job)}  {(job.State == JobState.Queued ? "waits for its turn" : "starting")}";
        var tail = Describe(at);
        var bar = at.TotalBytes is > 0 and var total && width > 60 ? Bar(at.DoneBytes, total) + " " : "";
        var room = width - TextWidth.Of(tail) - TextWidth.Of(bar) - 2;
        return $"{TextWidth.Pad(TextWidth.Cut(Title(job), room), Math.Min(room, 36))}  {bar}{tail}";
    }

    /// <summary>Without a bar; for logs and pipes.</summary>
    public static string ComposePlain(JobSnapshot job, DateTimeOffset now)
    {
        if (job.HasEnded) return Ended(job, now);
        if (job.State == JobState.Paused) return Paused(job);
        return Current(job) is { } at ? $"{Title(job)}: {Describe(at)}" : $"{Title(job)}: {(job.State == JobState.Queued ? "waits for its turn" : "starting")}";
    }

    /// <summary>Which job failed and why; said once where the reason begins with it.</summary>
    public static string WhyFailed(JobSnapshot job)
    {
        var (title, why) = (Printable.Short(job.Title), job.Failure?.Message ?? "failed");
        return why.StartsWith(title, StringComparison.Ordinal) ? why : $"{title}: {why}";
    }

    public static string Verb(Stage stage) => stage switch
    {
        Stage.Resolve => "resolving",
        Stage.Fetch => "fetching",
        Stage.Verify => "verifying",
        Stage.Wait => "waiting",
        Stage.MakeRoom => "making room",
        Stage.Load => "loading",
        Stage.Prefill => "reading the prompt",
        Stage.FirstToken => "thinking",
        _ => stage.ToString(),
    };

    /// <summary>A step in words: verb, share, bytes, rate, time left.</summary>
    public static string Describe(StageProgress at)
    {
        var text = new StringBuilder(Verb(at.Stage));
        if (at.TotalBytes is > 0 and var total)
        {
            text.Append(CultureInfo.InvariantCulture, $" {Math.Clamp(at.DoneBytes * 100 / total, 0, 100),3}%  {Units.Bytes(at.DoneBytes)} of {Units.Bytes(total)}");
            if (at.BytesPerSecond is > 0 and var rate && !at.IsDone)
                text.Append($"  {Units.Rate(rate)}  {Units.Duration(TimeSpan.FromSeconds(Math.Min((total - at.DoneBytes) / rate, 1e8)))} left");
        }
        else if (at.DoneBytes > 0)
        {
            text.Append($"  {Units.Bytes(at.DoneBytes)}");
            if (at.BytesPerSecond is > 0 and var rate) text.Append($"  {Units.Rate(rate)}");
        }
        if (at.Sources is { Count: > 1 } sources && !at.IsDone) text.Append($"  from {Printable.Short(string.Join(", ", sources), 80)}");
        if (at.Note is { Length: > 0 } note) text.Append($"  ({Printable.Short(note)})");
        return text.ToString();
    }

    private static string Ended(JobSnapshot job, DateTimeOffset now)
    {
        var took = (job.EndedAt ?? now) - (job.StartedAt ?? job.CreatedAt);
        return job.State switch
        {
            JobState.Done => $"{Title(job)}  done in {Units.Duration(took)}{Fetched(job)}",
            JobState.Cancelled => $"{Title(job)}  cancelled",
            _ => $"{Title(job)}  failed",
        };
    }

    private static string Fetched(JobSnapshot job)
    {
        var fetch = job.Progress.Where(static report => report.Stage == Stage.Fetch).ToList();
        var whole = fetch.FirstOrDefault(static report => report.Item is null) ?? Sum(fetch);
        if (whole is null || whole.DoneBytes == 0) return "";
        if (fetch.TrueForAll(static report => report.Note is StageProgress.AlreadyHere or StageProgress.Unchanged)) return ", nothing new";
        var rate = whole.ElapsedMs > 0 ? $", {Units.Rate(whole.DoneBytes / whole.ElapsedMs * 1000)}" : "";
        return $" ({Units.Bytes(whole.DoneBytes)}{rate})";
    }

    private static string Paused(JobSnapshot job) =>
        $"{Title(job)}  paused{(Current(job) is { TotalBytes: > 0 and var total } at ? $" at {Units.Bytes(at.DoneBytes)} of {Units.Bytes(total)}" : "")}; go on with: stoker resume {job.Id}";

    private static string Title(JobSnapshot job) => Printable.Short(job.Title);

    private static string Bar(long done, long total)
    {
        var filled = (int)Math.Clamp(done * BarColumns / (double)total, 0, BarColumns);
        return $"[{new string('#', filled)}{new string('.', BarColumns - filled)}]";
    }

    private static StageProgress? Sum(List<StageProgress> reports)
    {
        if (reports.Count == 0) return null;
        if (reports.Count == 1) return reports[0];
        return new StageProgress(
            reports[0].Stage,
            null,
            reports.Sum(static report => report.DoneBytes),
            reports.All(static report => report.TotalBytes is not null) ? reports.Sum(static report => report.TotalBytes) : null,
            reports.Max(static report => report.ElapsedMs),
            reports.All(static report => report.IsDone))
        {
            Sources = reports.SelectMany(static report => report.IsDone ? [] : report.Sources ?? []).Distinct().ToList() is { Count: > 0 } sources ? sources : null,
            BytesPerSecond = reports.Any(static report => report.BytesPerSecond is not null) ? reports.Where(static report => !report.IsDone).Sum(static report => report.BytesPerSecond ?? 0) : null,
        };
    }
}
