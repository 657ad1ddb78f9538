using System.Collections.Concurrent;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Core.Settings;
using Stoker.Scenarios.Harness;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Scenarios.Supply;

/// <summary>npm's s3rver, a store that speaks S3 and was written by others. It checks keys and the expiry of signed addresses.</summary>
public sealed class S3Tests : IAsyncLifetime
{
    private const string Bucket = "models";
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-s3-").FullName;
    private RunningNode? _server;

    private string Endpoint => $"http://127.0.0.1:{_server!.Said}";
    private static S3Access Keys(string endpoint) => new() { Endpoint = endpoint, AccessKeyId = "S3RVER", SecretAccessKey = "S3RVER", Region = "us-east-1" };

    public async ValueTask InitializeAsync() =>
        _server = await NodePackages.StartAsync("s3-server.mjs", "port ", [Directory.CreateDirectory(Path.Combine(_folder, "store")).FullName, Bucket]);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Pull_OneObject_IsFetchedByRangesAndOnlyOnce()
    {
        var content = await PutRandomGgufAsync("llm/q/model-Q4_0.gguf");
        using var supply = NewSupply();
        var manifest = await PullAsync(supply, "s3://models/llm/q/model-Q4_0.gguf");

        Assert.Equal(("s3://models/llm/q/model-Q4_0.gguf", ModelSourceKind.S3), (manifest.Name, manifest.Source));
        Assert.Equal("sha256:" + Convert.ToHexStringLower(SHA256.HashData(content)), manifest.Files[0].Digest.ToString());
        Assert.Equal("s3://models/llm/q/model-Q4_0.gguf", manifest.Files[0].Origins[0].AbsoluteUri); // no signature is written down
        var reports = new Reports();
        await PullAsync(supply, "s3://models/llm/q/model-Q4_0.gguf", reports);
        Assert.Contains(reports.All, static report => report.Note == "unchanged");
        Assert.NotNull(await supply.RemoveAsync("s3://models/llm/q/model-Q4_0.gguf", CancellationToken.None));
    }

    [Fact]
    public async Task Pull_ChangedObject_IsFetchedAgain()
    {
        await PutRandomGgufAsync("m.gguf");
        using var supply = NewSupply();
        var before = await PullAsync(supply, "s3://models/m.gguf");
        var content = await PutRandomGgufAsync("m.gguf", seed: 2);
        var after = await PullAsync(supply, "s3://models/m.gguf");
        Assert.NotEqual(before.Files[0].Digest, after.Files[0].Digest);
        Assert.Equal("sha256:" + Convert.ToHexStringLower(SHA256.HashData(content)), after.Files[0].Digest.ToString());
    }

    [Fact]
    public async Task Pull_Prefix_KeepsItsSafetensorsOrChoosesItsGguf()
    {
        var tiny = Path.Combine(BuiltProgram.Repository, "models/tiny");
        foreach (var name in new[] { "model.safetensors", "config.json", "tokenizer.json" }) await PutAsync($"tiny/{name}", await File.ReadAllBytesAsync(Path.Combine(tiny, name)));
        await PutAsync("tiny/pytorch_model.bin", [1, 2, 3]);
        await PutRandomGgufAsync("gguf/a-Q8_0.gguf");
        await PutRandomGgufAsync("gguf/deep/b-Q4_K_M.gguf", seed: 2);
        using var supply = NewSupply();

        var whole = await PullAsync(supply, "s3://models/tiny");
        Assert.Equal("s3://models/tiny/", whole.Name);
        Assert.Equal(["model.safetensors", "config.json", "tokenizer.json"], whole.Files.Select(static file => file.Name));
        using (var lease = await supply.HoldAsync(whole, CancellationToken.None))
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(tiny, "config.json")), await File.ReadAllBytesAsync(lease.Paths[1]));
        Assert.Equal("s3://models/gguf/deep/b-Q4_K_M.gguf", (await PullAsync(supply, "s3://models/gguf/")).Name);

        // The whole bucket, without a prefix.
        var chosen = await supply.PullAsync(
            ModelReference.Parse("s3://models", ReferencePlaces.Nowhere), Access(), new PullOptions { Selection = FileSelection.Of(["tiny/*.json"], null) }, new Reports(), CancellationToken.None);
        Assert.Equal("s3://models/", chosen.Name);
        Assert.Equal(["tiny/config.json", "tiny/tokenizer.json"], chosen.Files.Select(static file => file.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Fetch_SignaturesThatExpireMeanwhile_AreMadeAnew()
    {
        var content = new byte[48 << 20];
        new Random(7).NextBytes(content);
        await PutAsync("big.bin", content);
        // Two connections that take ranges one after the other, for longer than a signature holds.
        var time = new AskedTime();
        using var supply = new FileSupply(
            Path.Combine(_folder, "files"),
            new FetchOptions { Workers = 2, Rate = new TokenBucket(content.Length / 5, TimeProvider.System) },
            new SourceOptions { S3LinkLifetime = TimeSpan.FromSeconds(1), Time = time });
        var file = await supply.FetchAsync(new FileRequest { Addresses = [S3Address.Of(Bucket, "big.bin")] }, Access(), static _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal("sha256:" + Convert.ToHexStringLower(SHA256.HashData(content)), file.Digest.ToString());
        Assert.True(time.Asked > 1, "one signature was enough: the test shows nothing");
    }

    [Theory]
    [InlineData("s3://models/absent.gguf", "S3RVER", ErrorKind.NotFound, "none below")]
    [InlineData("s3://no-such-bucket/m.gguf", "S3RVER", ErrorKind.NotFound, "no bucket")]
    [InlineData("s3://models/m.gguf", "WRONGKEY", ErrorKind.Forbidden, "AWS_ACCESS_KEY_ID")]
    public async Task Pull_Refused_SaysWhatToDo(string reference, string key, ErrorKind kind, string hint)
    {
        await PutRandomGgufAsync("m.gguf");
        using var supply = NewSupply();
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => PullAsync(supply, reference, access: Access() with { S3 = Keys(Endpoint) with { AccessKeyId = key } }));
        Assert.Equal(kind, refused.Kind);
        Assert.Contains(hint, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("WRONGKEY", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_AProfile_GivesKeysAndRegion()
    {
        await PutRandomGgufAsync("m.gguf");
        var file = Path.Combine(_folder, "credentials");
        await File.WriteAllTextAsync(file, "[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n[work]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\nregion = eu-north-1\n");
        using var supply = NewSupply();
        Assert.NotNull(await PullAsync(supply, "s3://models/m.gguf", access: Access() with { S3 = new S3Access { Endpoint = Endpoint, Profile = "work", CredentialsFile = file } }));
        var absent = await Assert.ThrowsAnyAsync<StokerException>(() => PullAsync(supply, "s3://models/m.gguf", access: Access() with { S3 = new S3Access { Endpoint = Endpoint, Profile = "home", CredentialsFile = file } }));
        Assert.Contains("AWS_PROFILE", absent.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Program_PullsAndRunsFromS3_AndKeepsNoKey()
    {
        await PutAsync("tiny.gguf", await File.ReadAllBytesAsync(ScenarioHub.TrainedModel));
        await using var home = new StokerHome();
        home.Environment["AWS_ENDPOINT_URL_S3"] = Endpoint;
        home.Environment["AWS_ACCESS_KEY_ID"] = "S3RVER";
        home.Environment["AWS_SECRET_ACCESS_KEY"] = "S3RVER";
        (await home.StokerAsync("pull", "s3://models/tiny.gguf")).Expect(0);
        (await home.StokerAsync("run", "s3://models/tiny.gguf", "Hello", "-n", "4")).Expect(0);
        Assert.DoesNotContain("S3RVER", await File.ReadAllTextAsync(home.Paths.DaemonLog), StringComparison.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(home.Folder, "manifests"), "*", SearchOption.AllDirectories))
            Assert.DoesNotContain("S3RVER", await File.ReadAllTextAsync(path), StringComparison.Ordinal);
        var environment = await File.ReadAllTextAsync($"/proc/{home.DaemonPid()}/environ");
        Assert.DoesNotContain("S3RVER", environment, StringComparison.Ordinal);
    }

    private SourceAccess Access() => new() { Offline = true, S3 = Keys(Endpoint) };

    private ModelSupply NewSupply(SourceOptions? sources = null) => new(new SupplyOptions
    {
        Home = Path.Combine(_folder, Guid.NewGuid().ToString("N")),
        ProgramFolder = Path.GetDirectoryName(BuiltProgram.Path)!,
        Sources = (sources ?? new SourceOptions()) with { Retry = new Stoker.Supply.Sources.RetryPolicy { FirstDelay = TimeSpan.FromMilliseconds(5) }, Random = new Random(1) },
    });

    private Task<ModelManifest> PullAsync(ModelSupply supply, string reference, IProgress<StageProgress>? progress = null, SourceAccess? access = null) =>
        supply.PullAsync(ModelReference.Parse(reference, ReferencePlaces.Nowhere), access ?? Access(), progress ?? new Reports(), TestContext.Current.CancellationToken);

    // Larger than several chunks.
    private async Task<byte[]> PutRandomGgufAsync(string key, int seed = 1)
    {
        var path = Path.Combine(_folder, $"{Guid.NewGuid():N}.gguf");
        TinyModel.RandomModel.Write(path, new TinyModel.RandomModelOptions { Shape = "tiny", Seed = seed });
        var content = await File.ReadAllBytesAsync(path);
        await PutAsync(key, content);
        return content;
    }

    private async Task PutAsync(string key, byte[] content)
    {
        using var client = new AmazonS3Client(new BasicAWSCredentials("S3RVER", "S3RVER"), new AmazonS3Config { ServiceURL = Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        using var body = new MemoryStream(content);
        await client.PutObjectAsync(new PutObjectRequest { BucketName = Bucket, Key = key, InputStream = body, UseChunkEncoding = false, DisablePayloadSigning = false }, TestContext.Current.CancellationToken);
    }

    /// <summary>Counts how often the date was asked for: once for each signature.</summary>
    private sealed class AskedTime : TimeProvider
    {
        private int _asked;

        internal int Asked => _asked;

        public override DateTimeOffset GetUtcNow()
        {
            Interlocked.Increment(ref _asked);
            return base.GetUtcNow();
        }
    }

    private sealed class Reports : IProgress<StageProgress>
    {
        private readonly ConcurrentQueue<StageProgress> _all = new();

        internal IReadOnlyList<StageProgress> All => [.. _all];

        public void Report(StageProgress value) => _all.Enqueue(value);
    }
}
