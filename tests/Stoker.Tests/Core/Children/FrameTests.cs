using System.Buffers.Binary;
using Stoker.Core.Children;

namespace Stoker.Tests.Core.Children;

public sealed class FrameTests
{
    private const int Seed = 20261121;

    [Fact]
    public void Messages_CutAnywhere_ArriveWhole()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 2_000; round++)
        {
            var sent = Enumerable.Range(0, random.Next(1, 6)).Select(_ => RandomFrame(random)).ToList();
            var wire = sent.SelectMany(static frame => FrameCodec.Encode(frame.RequestId, frame.Kind, frame.Payload.Span)).ToArray();
            var reader = new FrameReader();
            var got = new List<Frame>();
            for (var at = 0; at < wire.Length;)
            {
                var length = Math.Min(wire.Length - at, random.Next(1, 40));
                Assert.True(reader.TryRead(wire.AsSpan(at, length), got), $"seed {Seed}, round {round}");
                at += length;
            }
            Assert.Equal(sent.Select(Show), got.Select(Show));
            Assert.Equal(0, reader.HeldBytes);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(FrameCodec.MaxPayloadBytes)]
    [InlineData(FrameCodec.MaxPayloadBytes + 1)]
    [InlineData((3 * FrameCodec.MaxPayloadBytes) + 17)]
    public void LongMessages_AreSeveralFramesAndOneMessage(int length)
    {
        var payload = new byte[length];
        new Random(Seed).NextBytes(payload);
        var got = new List<Frame>();
        Assert.True(new FrameReader().TryRead(FrameCodec.Encode(7, 20, payload), got));
        Assert.Equal(payload, Assert.Single(got).Payload.ToArray());
    }

    [Fact]
    public void Encode_BeyondTheLimit_IsRefused() =>
        Assert.Throws<ArgumentException>(() => FrameCodec.Encode(1, 20, new byte[FrameCodec.MaxMessageBytes + 1]));

    [Fact]
    public void Header_PromisingTooMuch_IsRefusedBeforeItsPayload()
    {
        var header = new byte[FrameCodec.HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, FrameCodec.MaxPayloadBytes + 1);
        Assert.False(new FrameReader().TryRead(header, []));
    }

    [Fact]
    public void EndlessMessage_IsRefusedAtTheLimit()
    {
        var reader = new FrameReader();
        var piece = new byte[FrameCodec.HeaderBytes + FrameCodec.MaxPayloadBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(piece, FrameCodec.MaxPayloadBytes);
        piece[10] = 1; // more follows, for ever
        var accepted = 0;
        while (reader.TryRead(piece, [])) Assert.True(++accepted <= 16);
        Assert.Equal(16, accepted);
    }

    [Fact]
    public void RandomBytes_NeverThrow_AndHoldLittle()
    {
        var random = new Random(Seed);
        for (var round = 0; round < 100_000; round++)
        {
            var bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            if (random.Next(2) == 0 && bytes.Length > 12) bytes.AsSpan(2, 2).Clear(); // a believable length
            if (random.Next(2) == 0 && bytes.Length > 12) bytes[11] = 0;
            var reader = new FrameReader();
            reader.TryRead(bytes, []);
            Assert.InRange(reader.HeldBytes, 0, bytes.Length);
        }
    }

    private static Frame RandomFrame(Random random)
    {
        var payload = new byte[random.Next(0, 60)];
        random.NextBytes(payload);
        return new Frame((uint)random.Next(), (ushort)random.Next(1, 100), payload);
    }

    private static string Show(Frame frame) => $"{frame.RequestId}/{frame.Kind}/{Convert.ToHexString(frame.Payload.Span)}";
}
