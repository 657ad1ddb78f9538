namespace Stoker.Core.Children;

/// <summary>
/// Turns bytes, in whatever pieces they arrive, into frames. Its memory is bounded: one frame's payload and at most
/// <see cref="FrameCodec.MaxMessageBytes"/> of unfinished messages. Not thread-safe.
/// </summary>
public sealed class FrameReader
{
    private readonly byte[] _header = new byte[FrameCodec.HeaderBytes];
    private readonly Dictionary<(uint RequestId, ushort Kind), MemoryStream> _unfinished = [];
    private int _headerBytes;
    private FrameHeader _current;
    private byte[] _payload = [];
    private int _payloadBytes;
    private long _unfinishedBytes;

    /// <summary>Bytes held for messages that are not complete.</summary>
    public long HeldBytes => _unfinishedBytes + _payloadBytes;

    /// <summary>Reads as much as is there; completed messages are appended to <paramref name="frames"/>.</summary>
    /// <returns>False: the peer does not speak this protocol; nothing more can be read.</returns>
    public bool TryRead(ReadOnlySpan<byte> bytes, List<Frame> frames)
    {
        while (!bytes.IsEmpty)
        {
            if (_headerBytes < FrameCodec.HeaderBytes)
            {
                var part = bytes[..Math.Min(bytes.Length, FrameCodec.HeaderBytes - _headerBytes)];
                part.CopyTo(_header.AsSpan(_headerBytes));
                _headerBytes += part.Length;
                bytes = bytes[part.Length..];
                if (_headerBytes < FrameCodec.HeaderBytes) break;
                if (FrameCodec.TryReadHeader(_header) is not { } header) return false;
                _current = header;
                _payload = [];
                _payloadBytes = 0;
            }
            var take = bytes[..Math.Min(bytes.Length, _current.Length - _payloadBytes)];
            if (_payload.Length < _payloadBytes + take.Length)
            {
                // Grows with what has arrived, not with what the header promises.
                var grown = Math.Min(_current.Length, Math.Max(_payloadBytes + take.Length, _payload.Length * 2));
                Array.Resize(ref _payload, grown);
            }
            take.CopyTo(_payload.AsSpan(_payloadBytes));
            _payloadBytes += take.Length;
            bytes = bytes[take.Length..];
            if (_payloadBytes < _current.Length) break;
            if (!TryFinishFrame(frames)) return false;
        }
        return true;
    }

    private bool TryFinishFrame(List<Frame> frames)
    {
        var payload = _payload.AsMemory(0, _payloadBytes);
        var key = (_current.RequestId, _current.Kind);
        _headerBytes = 0;
        _payload = [];
        _payloadBytes = 0;
        if (_unfinished.TryGetValue(key, out var message))
        {
            message.Write(payload.Span);
            _unfinishedBytes += payload.Length;
        }
        else if (_current.More)
        {
            message = new MemoryStream();
            message.Write(payload.Span);
            _unfinishedBytes += payload.Length;
            _unfinished[key] = message;
        }
        if (_unfinishedBytes > FrameCodec.MaxMessageBytes || _unfinished.Count > 64) return false;
        if (_current.More) return true;
        if (message is not null)
        {
            _unfinished.Remove(key);
            _unfinishedBytes -= message.Length;
            payload = message.ToArray();
        }
        frames.Add(new Frame(key.RequestId, key.Kind, payload));
        return true;
    }
}
