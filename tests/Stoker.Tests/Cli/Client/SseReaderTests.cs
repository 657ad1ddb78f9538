using System.Text;
using Stoker.Cli.Client;

namespace Stoker.Tests.Cli.Client;

public sealed class SseReaderTests
{
    [Fact]
    public async Task Read_NamesDataAndComments()
    {
        var events = await ReadAsync(": hello\nevent: job\ndata: {\"a\":1}\n\ndata: one\ndata:two\nid: 7\n\n\nevent: lonely\n\ndata: [DONE]\n\ndata: cut off");

        Assert.Equal([new("job", "{\"a\":1}"), new("message", "one\ntwo"), new("message", "[DONE]")], events);
    }

    [Fact]
    public async Task Read_CarriageReturns_AreLineEnds() =>
        Assert.Equal([new ServerSentEvent("e", "x")], await ReadAsync("event: e\r\ndata: x\r\n\r\n"));

    [Fact]
    public async Task Read_AnyChunking_GivesTheSame()
    {
        var bytes = Encoding.UTF8.GetBytes("event: job\ndata: größer 🚀\n\ndata: b\n\n");
        var whole = await ReadAsync(new MemoryStream(bytes));

        for (var size = 1; size <= bytes.Length; size++) Assert.Equal(whole, await ReadAsync(new Trickle(bytes, size)));
    }

    private static Task<List<ServerSentEvent>> ReadAsync(string text) => ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)));

    private static async Task<List<ServerSentEvent>> ReadAsync(Stream stream)
    {
        var events = new List<ServerSentEvent>();
        await foreach (var sent in SseReader.ReadAsync(stream, CancellationToken.None)) events.Add(sent);
        return events;
    }

    private sealed class Trickle(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, size)], cancellationToken);
    }
}
