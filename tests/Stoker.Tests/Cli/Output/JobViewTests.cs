using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Progress;

namespace Stoker.Tests.Cli.Output;

public sealed class JobViewTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Compose_Fetching_ShowsBytesRateAndTimeLeft()
    {
        var job = Job(JobState.Running, Fetch("a.gguf", 100_000_000, 400_000_000) with { BytesPerSecond = 50_000_000 });

        var line = JobLine.Compose(job, 100, Start);

        Assert.Contains("qwen2.5:0.5b", line, StringComparison.Ordinal);
        Assert.Contains("[#####...............] fetching  25%  100 MB of 400 MB  50.0 MB/s  6.0 s left", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Compose_SeveralFiles_AddsThemUp()
    {
        var job = Job(JobState.Running, Fetch("a", 50, 100) with { BytesPerSecond = 5 }, Fetch("b", 25, 50) with { BytesPerSecond = 20 });

        Assert.Contains("50%  75 B of 150 B  25 B/s  3.0 s left", JobLine.ComposePlain(job, Start), StringComparison.Ordinal);
    }

    [Fact]
    public void Compose_SeveralSources_AreNamedWhileBytesCome()
    {
        var job = Job(JobState.Running, Fetch("a", 50, 100) with { Sources = ["hub.example"] }, Fetch("b", 25, 50) with { Sources = ["mirror.example", "hub.example"] });

        Assert.EndsWith("from hub.example, mirror.example", JobLine.ComposePlain(job, Start), StringComparison.Ordinal);
        Assert.Equal(10, (Fetch("a", 50, 100) with { BytesPerSecond = 5 }).SecondsLeft);
        Assert.Null((Fetch("a", 50, 100) with { TotalBytes = null, BytesPerSecond = 5 }).SecondsLeft);
    }

    [Fact]
    public void Compose_PausedOrWithNothingNew_SaysSo()
    {
        Assert.Equal("qwen2.5:0.5b  paused at 50 B of 100 B; go on with: stoker resume 1", JobLine.ComposePlain(Job(JobState.Paused, Fetch("a", 50, 100)) with { Id = "1" }, Start));
        var here = Fetch("a", 100, 100) with { IsDone = true, Note = StageProgress.AlreadyHere };
        Assert.EndsWith(", nothing new", JobLine.ComposePlain(Job(JobState.Done, here) with { EndedAt = Start }, Start), StringComparison.Ordinal);
    }

    [Fact]
    public void Compose_StepAsAWhole_IsPreferredToItsFiles()
    {
        var job = Job(JobState.Running, Fetch("a", 100, 100) with { IsDone = true }, Fetch(null, 100, 400));

        Assert.Contains("100 B of 400 B", JobLine.ComposePlain(job, Start), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(61)]
    [InlineData(200)]
    public void View_AnyWidth_NeverWrapsALine(int width)
    {
        var console = new TestConsole(terminal: true);
        var view = new JobView(console.Console with { Width = () => width }, TimeProvider.System);

        view.Update(Job(JobState.Running, Fetch("a", 1, 3)) with { Title = new string('t', 300) });

        Assert.All(console.Error.Split('\n'), line => Assert.True(TextWidth.Of(line) < width));
    }

    [Fact]
    public void View_Terminal_RewritesOnlyItsOwnLines()
    {
        var console = new TestConsole(terminal: true);
        var view = new JobView(console.Console, TimeProvider.System);

        view.Update(Job(JobState.Running, Fetch("a", 1, 3)));
        view.Update(Job(JobState.Running, Fetch("b", 1, 3)) with { Id = "2", State = JobState.Done, EndedAt = Start.AddSeconds(2) });
        view.Update(Job(JobState.Done, Fetch("a", 3, 3)) with { EndedAt = Start.AddSeconds(3) });

        Assert.Equal(["\r\e[1A\e[0J", "\r\e[2A\e[0J"], System.Text.RegularExpressions.Regex.Matches(console.Error, "\r\e\\[\\dA\e\\[0J").Select(static match => match.Value));
    }

    [Fact]
    public void View_NoTerminal_WritesPlainLinesOnceAStep()
    {
        var console = new TestConsole();
        var view = new JobView(console.Console, TimeProvider.System);

        for (var i = 1; i <= 100; i++) view.Update(Job(JobState.Running, Fetch("a", i, 100)));
        view.Update(Job(JobState.Done, Fetch("a", 100, 100) with { IsDone = true, ElapsedMs = 1000 }) with { EndedAt = Start.AddSeconds(2) });

        Assert.Equal("qwen2.5:0.5b: fetching   1%  1 B of 100 B\nqwen2.5:0.5b  done in 2.0 s (100 B, 100 B/s)\n", console.Error);
        Assert.DoesNotContain('\e', console.Error);
    }

    [Theory]
    [InlineData(JobState.Failed, "failed")]
    [InlineData(JobState.Cancelled, "cancelled")]
    [InlineData(JobState.Queued, "waits for its turn")]
    public void Compose_States(JobState state, string words)
    {
        var job = Job(state) with { Failure = state == JobState.Failed ? new JobFailure(ErrorKind.Network, "cut") : null };

        Assert.Contains(words, JobLine.Compose(job, 100, Start), StringComparison.Ordinal);
        Assert.Contains(words, JobLine.ComposePlain(job, Start), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Not enough room.", "qwen2.5:0.5b: Not enough room.")]
    [InlineData("qwen2.5:0.5b could not be asked for.", "qwen2.5:0.5b could not be asked for.")]
    public void WhyFailed_NamesTheJobOnce(string why, string said) =>
        Assert.Equal(said, JobLine.WhyFailed(Job(JobState.Failed) with { Failure = new JobFailure(ErrorKind.Network, why) }));

    [Fact]
    public void TimeLine_Composes()
    {
        var line = new TimeLine { FirstToken = TimeSpan.FromMilliseconds(85), GeneratedTokens = 120, TokensPerSecond = 43.14, PromptTokens = 9, Seed = 7 };
        line.Take([new StageProgress(Stage.Resolve, null, 0, null, 12, true), Fetch("a", 398_000_000, 398_000_000) with { ElapsedMs = 3200 }]);
        line.Take([new StageProgress(Stage.Load, "a", 2_050_000_000, 4_100_000_000, 500, false), new StageProgress(Stage.Load, "a", 4_100_000_000, 4_100_000_000, 900, true) { Note = "37 % of the pages warm" }]);

        Assert.Equal("resolve 12 ms | fetch 3.2 s (398 MB, 124 MB/s) | load 900 ms (4.10 GB, 37 % of the pages warm) | first token 85 ms | prompt 9 tokens | answer 120 tokens, 43.1 tokens/s | seed 7", line.Compose());
    }

    private static StageProgress Fetch(string? item, long done, long total) => new(Stage.Fetch, item, done, total, 0, false);

    private static JobSnapshot Job(JobState state, params StageProgress[] progress) => new()
    {
        Id = "1", Kind = "pull", Title = "qwen2.5:0.5b", State = state, CreatedAt = Start, StartedAt = Start, Progress = progress,
    };
}
