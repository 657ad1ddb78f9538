using System.Text;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Blobs;

public sealed class Crc32CTests
{
    // RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
    [Fact]
    public void Of_KnownInputs_GivesPublishedSums()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of(Encoding.ASCII.GetBytes("123456789")));
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Of(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Of(Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray()));
        Assert.Equal(0u, Crc32C.Of([]));
    }

    [Fact]
    public void Append_AnySplit_EqualsWhole()
    {
        var bytes = new byte[257];
        new Random(7).NextBytes(bytes);
        for (var split = 0; split <= bytes.Length; split++)
            Assert.Equal(Crc32C.Of(bytes), Crc32C.Append(Crc32C.Of(bytes.AsSpan(0, split)), bytes.AsSpan(split)));
    }
}
