using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;

namespace Stoker.Tests.Engine.Runners;

public sealed class RunnerTests
{
    [Fact]
    public async Task PlainPath_ThroughARunner_GivesText()
    {
        using var folder = new TempFolder();
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var runner = await Runner.StartAsync(TestModels.Start(folder), null, TimeProvider.System, cancellationToken);
        var report = await runner.LoadAsync(new LoadCommand { Paths = [TestModels.Tiny], ContextTokens = 512, Threads = 1 }, null, cancellationToken);
        Assert.Equal(512, report.ContextTokens);

        var events = new List<GenerationEvent>();
        var request = new GenerationRequest { Messages = [new ChatMessage("user", "Hello")], MaxTokens = 32, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 1 } };
        await foreach (var told in runner.GenerateAsync(request, cancellationToken)) events.Add(told);
        Assert.IsType<GenerationStarted>(events[0]);
        var finished = Assert.IsType<GenerationFinished>(events[^1]);
        Assert.Equal(32, finished.Usage.GeneratedTokens);
        Assert.NotEmpty(string.Concat(events.OfType<TokensGenerated>().Select(static told => told.Text)));
    }
}
