using System.Collections.Concurrent;
using System.Security.Cryptography;
using FakeHub;
using Stoker.Core.Models;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Fetch;

/// <summary>An origin on loopback, a store of its own and the engine between them; retries wait milliseconds.</summary>
internal sealed class FetchHome : IAsyncDisposable
{
    /// <summary>Six chunks, the last of them short.</summary>
    internal const int DefaultBytes = (5 * Chunk.SizeBytes) + 12_345;

    private readonly TempFolder _root = new();
    private readonly TempFolder _home = new();

    private FetchHome(FakeHubServer hub) => Hub = hub;

    internal FakeHubServer Hub { get; }
    internal BlobStore Store { get; private set; } = null!;
    internal string Home => _home.Path;
    internal ConcurrentQueue<FetchReport> Reports { get; } = new();

    internal FetchOptions Options { get; set; } = new()
    {
        Workers = 4,
        Retry = new RetryOptions { FirstDelay = TimeSpan.FromMilliseconds(5), StallTimeout = TimeSpan.FromSeconds(20) },
    };

    internal SourceOptions Sources { get; set; } = new() { Random = new Random(1), Retry = new RetryPolicy { FirstDelay = TimeSpan.FromMilliseconds(5) } };

    internal SourceAccess Access { get; set; } = new() { Offline = true };

    internal static async Task<FetchHome> StartAsync(Func<FakeHubOptions, FakeHubOptions>? configure = null)
    {
        var root = new TempFolder();
        var options = new FakeHubOptions { Root = root.Path };
        var home = new FetchHome(await FakeHubServer.StartAsync(configure?.Invoke(options) ?? options));
        home._root.Dispose();
        home.Root = root;
        home.Store = new BlobStore(home.Home);
        return home;
    }

    private TempFolder Root { get; set; } = null!;

    /// <summary>Puts random bytes at <c>/files/name</c>.</summary>
    internal byte[] Publish(string name, int bytes = DefaultBytes, int seed = 1)
    {
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        Write(name, content);
        return content;
    }

    internal void Write(string name, byte[] content)
    {
        var path = Path.Combine(Root.Path, "files", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path + ".new", content);
        File.Move(path + ".new", path, overwrite: true);
    }

    internal void Touch(string name, DateTime modified) => File.SetLastWriteTimeUtc(Path.Combine(Root.Path, "files", name), modified);

    internal Uri Address(string name) => new($"{Hub.Url}files/{name}");

    internal ManifestFile Described(string name, byte[]? content = null, bool withDigest = true) => new()
    {
        Name = name,
        Role = FileRole.Weights,
        SizeBytes = content?.Length,
        Digest = content is not null && withDigest ? Digest.FromBytes(SHA256.HashData(content)) : null,
        Origins = [Address(name)],
    };

    internal async Task<BlobLease> FetchAsync(ManifestFile file, CancellationToken cancellationToken = default)
    {
        using var session = new SourceSession(Access, Sources);
        return await new RangedFetcher(Store, Options).FetchAsync(file, session, Reports.Enqueue, cancellationToken);
    }

    /// <summary>Fetches and asserts that the blob is this content, byte for byte.</summary>
    internal async Task AssertFetchesAsync(ManifestFile file, byte[] content)
    {
        using var lease = await FetchAsync(file);
        Assert.Equal(Digest.FromBytes(SHA256.HashData(content)), lease.Digest);
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(content), "the blob differs");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(lease.Path));
        Assert.Empty(PartialFiles());
        var map = Store.ReadMap(lease.Digest)!;
        Assert.Equal(Chunk.CountOf(content.Length), map.Chunks.Count);
        for (var i = 0; i < map.Chunks.Count; i++)
        {
            var chunk = content.AsSpan((int)Chunk.Offset(i), Chunk.LengthOf(i, content.Length));
            Assert.Equal(new ChunkSums(ChunkHash.Read(SHA256.HashData(chunk)), Crc32C.Of(chunk)), map.Chunks[i]);
        }
    }

    /// <summary>The same for one of several at once: nothing is asserted of what others leave meanwhile.</summary>
    internal async Task AssertBytesAsync(string name, byte[] content)
    {
        using var lease = await FetchAsync(Described(name, content));
        Assert.True(File.ReadAllBytes(lease.Path).AsSpan().SequenceEqual(content), $"{name} differs");
    }

    internal IReadOnlyList<string> PartialFiles() =>
        Directory.Exists(Path.Combine(Home, "partial")) ? Directory.GetFiles(Path.Combine(Home, "partial")) : [];

    internal IReadOnlyList<string> BlobFiles() =>
        Directory.Exists(Path.Combine(Home, "blobs")) ? Directory.GetFiles(Path.Combine(Home, "blobs"), "*", SearchOption.AllDirectories) : [];

    /// <summary>Bytes of content that the origin sent.</summary>
    internal long SentBytes => Hub.Stats.ContentBytes;

    public async ValueTask DisposeAsync()
    {
        Store.Dispose();
        await Hub.DisposeAsync();
        Root.Dispose();
        _home.Dispose();
    }
}
