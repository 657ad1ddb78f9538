using System.Net.Sockets;
using Stoker.Core.Children;
using Stoker.Core.Errors;

namespace Stoker.Tests.Core.Children;

/// <summary>The child's end of the link, against a bare socket that stands for the daemon.</summary>
public sealed class ParentLinkTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TaskCompletionSource _parentGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly System.Threading.Channels.Channel<ChildRequest> _requests = System.Threading.Channels.Channel.CreateBounded<ChildRequest>(16);
    private Socket? _daemon;
    private ParentLink? _link;

    public ValueTask DisposeAsync()
    {
        _link?.Dispose();
        _daemon?.Dispose();
        _listener.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Hello_IsTheFirstFrame()
    {
        var reader = await ConnectAsync();
        var hello = await NextAsync(reader);
        Assert.Equal(FrameKinds.Hello, hello.Kind);
        Assert.Contains("\"Nonce\":\"n0nce\"", System.Text.Encoding.UTF8.GetString(hello.Payload.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ParentGone_IsNoticedAtOnce()
    {
        await ConnectAsync();
        _daemon!.Dispose();
        await _parentGone.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Garbage_CountsAsParentGone()
    {
        await ConnectAsync();
        var garbage = new byte[64];
        garbage.AsSpan().Fill(0xFF);
        await _daemon!.SendAsync(garbage);
        await _parentGone.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task SlowReceiver_IsGivenUp_AndStopsNoOther()
    {
        var reader = await ConnectAsync(TimeSpan.FromMilliseconds(200));
        await _daemon!.SendAsync(FrameCodec.Encode(1, 20, []));
        await _daemon.SendAsync(FrameCodec.Encode(2, 20, []));
        var slow = await NextRequestAsync();
        var other = await NextRequestAsync();

        var flood = Task.Run(() => Assert.Throws<StokerException>(() =>
        {
            for (var i = 0; i < 10_000; i++) slow.Send(30, [1]);
        }));
        // The other one's answer arrives whatever the first one's receiver does.
        other.Send(31, [2]);
        other.End();
        var error = await flood.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(ErrorKind.Timeout, error.Kind);
        slow.Fail(error.Kind, error.Message);

        var kinds = new List<(uint, ushort)>();
        while (kinds.Count(static kind => kind.Item2 is FrameKinds.End or FrameKinds.Failed) < 2)
        {
            var frame = await NextAsync(reader);
            if (frame.Kind != FrameKinds.Hello) kinds.Add((frame.RequestId, frame.Kind));
        }
        Assert.Equal(256, kinds.Count(static kind => kind == (1u, (ushort)30)));
        Assert.Contains((2u, (ushort)31), kinds);
        Assert.Contains((1u, FrameKinds.Failed), kinds);
    }

    [Fact]
    public async Task Grants_LetMoreThanAWindowThrough()
    {
        var reader = await ConnectAsync();
        await _daemon!.SendAsync(FrameCodec.Encode(1, 20, []));
        var request = await NextRequestAsync();
        var send = Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++) request.Send(30, [1]);
            request.End();
        });
        var got = 0;
        for (var end = false; !end;)
        {
            var frame = await NextAsync(reader);
            end = frame.Kind == FrameKinds.End;
            if (frame.Kind == 30 && ++got % 64 == 0) await _daemon.SendAsync(FrameCodec.Encode(1, FrameKinds.Grant, BitConverter.GetBytes(64)));
        }
        await send;
        Assert.Equal(1000, got);
    }

    [Fact]
    public async Task Cancel_ReachesTheRequest_EvenWhileItWaitsForRoom()
    {
        await ConnectAsync();
        await _daemon!.SendAsync(FrameCodec.Encode(1, 20, []));
        var request = await NextRequestAsync();
        var send = Task.Run(() => Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            for (var i = 0; i < 10_000; i++) request.Send(30, [1]);
        }));
        await _daemon.SendAsync(FrameCodec.Encode(1, FrameKinds.Cancel, []));
        await send.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.True(request.Cancelled.IsCancellationRequested);
    }

    private readonly List<Frame> _read = [];

    private async Task<FrameReader> ConnectAsync(TimeSpan? slowReceiver = null)
    {
        var path = _folder.File("s");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
        var accept = _listener.AcceptAsync();
        _link = ParentLink.Connect(path, new ChildHello("n0nce", 1, "", 1), request => _requests.Writer.TryWrite(request), () => _parentGone.TrySetResult(), slowReceiver);
        _daemon = await accept;
        return new FrameReader();
    }

    private async Task<ChildRequest> NextRequestAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        return await _requests.Reader.ReadAsync(limit.Token);
    }

    private async Task<Frame> NextAsync(FrameReader reader)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var buffer = new byte[64 * 1024];
        while (_read.Count == 0)
        {
            var count = await _daemon!.ReceiveAsync(buffer, limit.Token);
            Assert.NotEqual(0, count);
            Assert.True(reader.TryRead(buffer.AsSpan(0, count), _read));
        }
        var frame = _read[0];
        _read.RemoveAt(0);
        return frame;
    }
}
