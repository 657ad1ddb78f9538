using Stoker.Cli.Client;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Tests.Cli.Client;

public sealed class DaemonClientTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly ChatRequest Chat = new() { Model = "m", Messages = [new ChatTurn("user", "hi")], Stream = true };

    [Fact]
    public async Task TryVersion_NobodyListens_IsNothing()
    {
        using var client = new DaemonClient("/tmp/no-such-folder/no.sock");

        Assert.Null(await client.TryVersionAsync(None));
        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<StokerException>(() => client.ModelsAsync(None))).Kind);
    }

    [Theory]
    [InlineData("NotFound", ErrorKind.NotFound)]
    [InlineData("OutOfMemory", ErrorKind.OutOfMemory)]
    public async Task Error_KeepsItsKindMessageAndWait(string kind, ErrorKind expected)
    {
        var body = """{"error":{"message":"what, where","type":"x","param":null,"code":null,"kind":"KIND"}}""".Replace("KIND", kind);
        await using var daemon = new RawDaemon().AnswerRaw("/admin/models", $"HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        using var client = new DaemonClient(daemon.SocketPath);

        var problem = await Assert.ThrowsAsync<StokerException>(() => client.ModelsAsync(None));

        Assert.Equal(expected, problem.Kind);
        Assert.Equal("what, where", problem.Message);
        Assert.Equal(TimeSpan.FromSeconds(7), problem.RetryAfter);
    }

    [Theory]
    [InlineData(200, "<html>", ErrorKind.Internal)]
    [InlineData(200, "null", ErrorKind.Internal)]
    [InlineData(500, "oops", ErrorKind.Internal)]
    [InlineData(404, "", ErrorKind.Unsupported)]
    public async Task StrangeAnswer_IsOneClearError(int status, string body, ErrorKind kind)
    {
        await using var daemon = new RawDaemon().Answer("/admin/models", body, status);
        using var client = new DaemonClient(daemon.SocketPath);

        var problem = await Assert.ThrowsAsync<StokerException>(() => client.ModelsAsync(None));

        Assert.Equal(kind, problem.Kind);
        Assert.Contains("stoker serve --stop", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"models\":[")]
    [InlineData("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mod")]
    public async Task CutAnswer_IsUnavailable(string bytes)
    {
        await using var daemon = new RawDaemon().AnswerRaw("/admin/models", bytes);
        using var client = new DaemonClient(daemon.SocketPath);

        Assert.Equal(ErrorKind.Unavailable, (await Assert.ThrowsAsync<StokerException>(() => client.ModelsAsync(None))).Kind);
    }

    [Fact]
    public async Task Chat_EndsAtDone_FailsAtErrorOrCut()
    {
        await using var daemon = new RawDaemon();
        using var client = new DaemonClient(daemon.SocketPath);

        Assert.Equal(["{}"], await AnswerAsync(": x\n\ndata: {}\n\ndata: [DONE]\n\n"));
        var cut = await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("data: {}\n\n"));
        var failed = await Assert.ThrowsAsync<StokerException>(() => AnswerAsync("data: {}\n\ndata: {\"error\":{\"message\":\"it ended\",\"type\":\"x\",\"kind\":\"Corrupt\"}}\n\n"));

        Assert.Equal(ErrorKind.Unavailable, cut.Kind);
        Assert.Equal(ErrorKind.Corrupt, failed.Kind);
        Assert.Equal("it ended", failed.Message);

        async Task<List<string>> AnswerAsync(string stream)
        {
            daemon.Answer("/v1/chat/completions", stream, type: "text/event-stream");
            var texts = new List<string>();
            await foreach (var sent in client.ChatAsync(Chat, None)) texts.Add(sent.Text);
            return texts;
        }
    }

    [Fact]
    public async Task WatchJob_EndsWithTheJob_OrSaysThatTheDaemonWent()
    {
        const string running = """{"id":"1","kind":"pull","title":"t","state":"Running","createdAt":"2026-01-01T00:00:00+00:00","progress":[]}""";
        await using var daemon = new RawDaemon();
        using var client = new DaemonClient(daemon.SocketPath);

        var states = await WatchAsync($"event: job\ndata: {running}\n\nevent: job\ndata: {running.Replace("Running", "Done")}\n\n");
        var gone = await Assert.ThrowsAsync<StokerException>(() => WatchAsync($"event: job\ndata: {running}\n\n"));

        Assert.Equal([JobState.Running, JobState.Done], states);
        Assert.Equal(ErrorKind.Unavailable, gone.Kind);

        async Task<List<JobState>> WatchAsync(string stream)
        {
            daemon.Answer("/admin/jobs/1/events", stream, type: "text/event-stream");
            var seen = new List<JobState>();
            await foreach (var job in client.WatchJobAsync("1", None)) seen.Add(job.State);
            return seen;
        }
    }
}
