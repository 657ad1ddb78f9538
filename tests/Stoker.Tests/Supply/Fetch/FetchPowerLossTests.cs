using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>The power fails (E5 33): what was not synced is on the disk in part, in any order.</summary>
public sealed class FetchPowerLossTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task PowerLoss_AtAnyCall_TheNextFetchIsRight(bool withDigest)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("STOKER_SEED"), out var given) ? given : 20261121;
        output.WriteLine($"STOKER_SEED={seed}");
        await using var home = await FetchHome.StartAsync();
        var content = home.Publish("f.bin", (3 * Chunk.SizeBytes) + 5);
        var good = home.Options with { Workers = 2 };
        var random = new Random(seed);
        var cuts = 0;
        for (var round = 0; round < 12; round++)
        {
            // Up to three cuts one after the other, then a fetch that ends.
            for (var cut = random.Next(1, 4); cut > 0; cut--)
            {
                var disk = new LossyDisk(random.Next(1, 60), random);
                home.Options = good with { OnDisk = disk.Over };
                try
                {
                    (await home.FetchAsync(home.Described("f.bin", withDigest ? content : null))).Dispose();
                }
                catch (StokerException cutOff) when (disk.IsCut)
                {
                    Assert.Equal(ErrorKind.Io, cutOff.Kind);
                    cuts++;
                }
            }
            home.Options = good;
            using (var lease = await home.FetchAsync(home.Described("f.bin", withDigest ? content : null)))
            {
                Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(content), $"seed {seed}, round {round}: the blob differs");
            }
            Assert.Empty(home.PartialFiles());
            Assert.True(home.Store.TryRemove(Digest.FromBytes(System.Security.Cryptography.SHA256.HashData(content))));
        }
        Assert.True(cuts > 6, $"seed {seed}: only {cuts} cuts");
    }
}
