using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Settings;
using Stoker.Supply;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

/// <summary>What is signed for S3 is checked by a reader of the specification, and that one by the specification's own examples.</summary>
public sealed class S3SignatureTests
{
    // The examples "GET Object" and "Presigned URL" of Amazon's description.
    private const string KeyId = "AKIAIOSFODNN7EXAMPLE";
    private const string Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    private const string Presigned = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    private static readonly DateTimeOffset Then = new(2013, 5, 24, 0, 0, 0, TimeSpan.Zero);
    private static readonly Dictionary<string, string> Headers = new()
    {
        ["host"] = "examplebucket.s3.amazonaws.com",
        ["range"] = "bytes=0-9",
        ["x-amz-content-sha256"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ["x-amz-date"] = "20130524T000000Z",
        ["authorization"] = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    };

    [Fact]
    public void WhyNot_TheSpecificationsExamples_AreRight_AndNothingElseIs()
    {
        Assert.Null(InHeader("/test.txt", Headers, Secret, Then));
        Assert.Null(InQuery(Presigned, Secret, Then.AddHours(23)));
        Assert.Equal("SignatureDoesNotMatch", InHeader("/test.txt", Headers, Secret + "x", Then));
        Assert.Equal("SignatureDoesNotMatch", InHeader("/other.txt", Headers, Secret, Then));
        Assert.Equal("SignatureDoesNotMatch", InHeader("/test.txt", new(Headers) { ["range"] = "bytes=0-10" }, Secret, Then));
        Assert.Equal("RequestTimeTooSkewed", InHeader("/test.txt", Headers, Secret, Then.AddHours(1)));
        Assert.Equal("AccessDenied", InHeader("/test.txt", new(Headers) { ["authorization"] = "" }, Secret, Then));
        Assert.Equal("SignatureDoesNotMatch", InQuery(Presigned.Replace("86400", "86401", StringComparison.Ordinal), Secret, Then));
        Assert.Equal("SignatureDoesNotMatch", InQuery(Presigned + "&versionId=1", Secret, Then));
        Assert.Equal("AccessDenied", InQuery(Presigned, Secret, Then.AddHours(25)));
    }

    [Fact]
    public async Task FetchAndPull_WithTheRightKeys_BringTheBytes()
    {
        await using var home = await HubHome.StartAsync(static options => options with { S3KeyId = KeyId, S3Secret = Secret });
        var content = Publish(home, "deep/a b+c=é&~.bin");
        using var files = new FileSupply(home.Home, new FetchOptions { Workers = 3 }, home.Sources);
        var file = await files.FetchAsync(Request("deep/a b+c=é&~.bin"), Access(home, Secret), static _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal(content, File.ReadAllBytes(file.Path));

        File.Copy(home.Model("m.gguf")[0], Path.Combine(home.Hub.Content.Root, "s3/models/llm/m-Q4_0.gguf"));
        Assert.Equal("s3://models/llm/m-Q4_0.gguf", (await home.PullAsync("s3://models/llm/m-Q4_0.gguf", access: Access(home, Secret))).Name);
        Assert.Equal("s3://models/llm/m-Q4_0.gguf", (await home.PullAsync("s3://models/llm/", access: Access(home, Secret))).Name);
    }

    [Fact]
    public async Task FetchAndPull_WithAWrongSecret_AreForbiddenAndSayWhichKeys()
    {
        await using var home = await HubHome.StartAsync(static options => options with { S3KeyId = KeyId, S3Secret = Secret });
        Publish(home, "a.bin");
        using var files = new FileSupply(home.Home, new FetchOptions(), home.Sources);
        foreach (var refuse in new Func<Task>[]
        {
            () => files.FetchAsync(Request("a.bin"), Access(home, "wrong"), static _ => { }, TestContext.Current.CancellationToken),
            () => home.PullAsync("s3://models/a.bin", access: Access(home, "wrong")),
            () => home.PullAsync("s3://models/llm/", access: Access(home, "wrong")),
        })
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(refuse);
            Assert.Equal(ErrorKind.Forbidden, refused.Kind);
            Assert.Contains("AWS_ACCESS_KEY_ID", refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("X-Amz", refused.Message, StringComparison.Ordinal);
        }
        Assert.Empty(home.BlobFiles());
    }

    private static string? InHeader(string target, Dictionary<string, string> headers, string secret, DateTimeOffset now) =>
        S3Signature.WhyNot(new SignedRequest("GET", target, name => headers.GetValueOrDefault(name, "")), KeyId, secret, now);

    private static string? InQuery(string target, string secret, DateTimeOffset now) =>
        S3Signature.WhyNot(new SignedRequest("GET", target, static name => name == "host" ? Headers["host"] : ""), KeyId, secret, now);

    private static FileRequest Request(string key) => new() { Addresses = [S3Address.Of("models", key)] };

    private static SourceAccess Access(HubHome home, string secret) =>
        home.Access with { S3 = new S3Access { Endpoint = home.Hub.Url, AccessKeyId = KeyId, SecretAccessKey = secret, Region = "eu-north-1" } };

    private static byte[] Publish(HubHome home, string key)
    {
        var content = new byte[20_000_000];
        new Random(3).NextBytes(content);
        var path = Path.Combine(home.Hub.Content.Root, "s3/models", key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Directory.CreateDirectory(Path.Combine(home.Hub.Content.Root, "s3/models/llm"));
        File.WriteAllBytes(path, content);
        return content;
    }
}
