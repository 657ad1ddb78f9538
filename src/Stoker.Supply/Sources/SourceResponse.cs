using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>An answer whose body is still to be read. Must be disposed.</summary>
public sealed class SourceResponse(HttpResponseMessage message, Uri address) : IDisposable
{
    /// <summary>The way that led here, to be taken again without the redirects.</summary>
    internal SourceHop? Hop { get; init; }

    public HttpResponseMessage Message { get; } = message;

    /// <summary>Where it came from in the end, after redirects. May hold a signature: not for logs.</summary>
    public Uri Address { get; } = address;

    /// <summary>The body, whose reads fail with a <see cref="SourceException"/>: Timeout when no byte comes for that long, Network when it is cut.</summary>
    public async Task<Stream> OpenBodyAsync(TimeSpan idleTimeout, TimeProvider time, CancellationToken cancellationToken) =>
        new IdleStream(await Message.Content.ReadAsStreamAsync(cancellationToken), idleTimeout, time, SourceSession.Shown(Address));

    public void Dispose() => Message.Dispose();

    private sealed class IdleStream(Stream inner, TimeSpan idleTimeout, TimeProvider time, string shown) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        private CancellationTokenSource? _idle;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _idle ??= new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
            _idle.CancelAfter(idleTimeout);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _idle.Token);
            try
            {
                return await inner.ReadAsync(buffer, both.Token);
            }
            catch (OperationCanceledException) when (_idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new SourceException(ErrorKind.Timeout, $"{shown} sent nothing for {idleTimeout.TotalSeconds:0} s.", canRetry: true);
            }
            catch (Exception cut) when (cut is IOException or HttpRequestException or ObjectDisposedException && !cancellationToken.IsCancellationRequested)
            {
                throw new SourceException(ErrorKind.Network, $"{shown} broke off: {Printable.Short(cut.Message)}", canRetry: true, cut);
            }
            finally
            {
                if (!_idle.IsCancellationRequested) _idle.CancelAfter(Timeout.InfiniteTimeSpan);
            }
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Bodies are read asynchronously.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
                _idle?.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
