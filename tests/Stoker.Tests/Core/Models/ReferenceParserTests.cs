using FsCheck;
using FsCheck.Fluent;
using Stoker.Core.Errors;
using Stoker.Core.Models;
namespace Stoker.Tests.Core.Models;

public sealed class ReferenceParserTests
{
    private static readonly ReferencePlaces Places = new("/work dir", "/home/ann", static path => path is "/work dir/here.gguf" or "/work dir/sub/here.gguf" or "/up.gguf");

    [Theory]
    [InlineData("hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", null, null, null)]
    [InlineData("hf.co/org/repo", "org/repo", null, null, null)]
    [InlineData("hf://org/repo", "org/repo", null, null, null)]
    [InlineData("huggingface.co/org/repo:q8_0", "org/repo", null, "Q8_0", null)]
    [InlineData("org/repo", "org/repo", null, null, null)]
    [InlineData("org/repo@v1.2:Q4_K_M", "org/repo", "v1.2", "Q4_K_M", null)]
    [InlineData("hf:org/repo@refs/pr/3:sub/model-00001-of-00002.gguf", "org/repo", "refs/pr/3", null, "sub/model-00001-of-00002.gguf")]
    [InlineData("https://huggingface.co/org/repo", "org/repo", null, null, null)]
    [InlineData("https://hf.co/org/repo/tree/main", "org/repo", null, null, null)]
    [InlineData("https://huggingface.co/org/repo/blob/main/a/b.gguf", "org/repo", null, null, "a/b.gguf")]
    [InlineData("https://huggingface.co/org/repo/resolve/abc123/b.gguf?download=true", "org/repo", "abc123", null, "b.gguf")]
    public void Parse_HuggingFace_IsUnderstood(string text, string repo, string? revision, string? quant, string? file) =>
        Assert.Equal(new HuggingFaceReference(repo, revision, quant, file), ModelReference.Parse(text, Places));

    [Theory]
    [InlineData("ollama:qwen2.5", "library", "qwen2.5", "latest")]
    [InlineData("ollama:qwen2.5:0.5b", "library", "qwen2.5", "0.5b")]
    [InlineData("OLLAMA:someone/thing:v1", "someone", "thing", "v1")]
    public void Parse_Ollama_IsUnderstood(string text, string space, string model, string tag) =>
        Assert.Equal(new OllamaReference(space, model, tag), ModelReference.Parse(text, Places));

    [Theory]
    [InlineData("/models/a.gguf", "/models/a.gguf")]
    [InlineData("/models/../a.gguf", "/a.gguf")]
    [InlineData("./x/a.gguf", "/work dir/x/a.gguf")]
    [InlineData("~/a.gguf", "/home/ann/a.gguf")]
    [InlineData("here.gguf", "/work dir/here.gguf")]
    [InlineData("sub/here.gguf", "/work dir/sub/here.gguf")]
    [InlineData("../up.gguf", "/up.gguf")]
    [InlineData("file:///models/a%20b.gguf", "/models/a b.gguf")]
    [InlineData("file:rel.gguf", "/work dir/rel.gguf")]
    public void Parse_Path_IsMadeWhole(string text, string path) =>
        Assert.Equal(new FileReference(path), ModelReference.Parse(text, Places));

    [Fact]
    public void Parse_OtherKinds_AreUnderstood()
    {
        Assert.Equal(new ShortReference("qwen2.5", "0.5b"), ModelReference.Parse("qwen2.5:0.5b", Places));
        Assert.Equal(new ShortReference("tiny", null), ModelReference.Parse("tiny", Places));
        Assert.Equal(new ShortReference("absent.gguf", null), ModelReference.Parse("absent.gguf", Places));
        Assert.Equal(new S3Reference("my-bucket", "models/a.gguf"), ModelReference.Parse("s3://my-bucket/models/a.gguf", Places));
        foreach (var whole in new[] { "s3://my-bucket", "s3://my-bucket/" })
            Assert.True(ModelReference.Parse(whole, Places) is S3Reference { Key: "", IsPrefix: true, Canonical: "s3://my-bucket/" });
        Assert.Equal(new UrlReference(new Uri("https://example.org/m/a.gguf?sig=x")), ModelReference.Parse("https://example.org/m/a.gguf?sig=x#part", Places));
        Assert.IsType<UrlReference>(ModelReference.Parse("http://127.0.0.1:99/a.gguf", Places));
        Assert.IsType<UrlReference>(ModelReference.Parse("http://[::1]:99/a.gguf", Places));
    }

    [Fact]
    public void ToString_OfASignedAddress_HasNoQuery()
    {
        var reference = ModelReference.Parse("https://example.org/a.gguf?X-Amz-Signature=secret", Places);
        Assert.Equal("https://example.org/a.gguf", reference.ToString());
        Assert.Contains("secret", reference.Canonical, StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_OfASignedAddress_HasNoQuery()
    {
        var refused = Assert.Throws<StokerException>(() => ModelReference.Parse("https://example.org/a%00.gguf?X-Amz-Signature=secret", Places));
        Assert.Contains("example.org/a%00.gguf", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Hostile() => new()
    {
        { "", "empty" },
        { "..", "'..'" },
        { "hf:../x", "'..'" },
        { "hf:org/..", "'..'" },
        { "hf:a..b/c", "'..'" },
        { "hf:org/repo/../../etc", "too many parts" },
        { "hf:%2e%2e/x", "percent-encoded" },
        { "ollama:%252e%252e", "percent-encoded" },
        { "org/re%2fpo", "percent-encoded" },
        { "ollama:a\\b", "backslash" },
        { "ollama:a\u2215b", "looks like" },
        { "hf:org/\uFF0E\uFF0E", "looks like" },
        { "ollama:\uFF0E\uFF0E", "looks like" },
        { "a\0b", "NUL" },
        { "/models/a\0.gguf", "NUL" },
        { "a\u001b[31m", "control" },
        { "/a\nb", "control" },
        { "--help", "begins with '-'" },
        { "hf:-org/repo", "begins with '-'" },
        { "ollama:-x", "begins with '-'" },
        { "hf:org/repo@-v", "begins with '-'" },
        { "hf:org/repo:--file=/etc/passwd.gguf", "begins with '-'" },
        { new string('a', 10_240), "longer than" },
        { "ollama:" + new string('a', 81), "longer than 80" },
        { "ollama:a:" + new string('a', 81), "longer than 80" },
        { "hf:" + new string('a', 97) + "/b", "longer than 96" },
        { "hf:org", "org/repo" },
        { "hf:/etc/passwd", "empty" },
        { "hf:org/repo:/etc/x.gguf", "absolute" },
        { "hf:org/repo:../x.gguf", "'..'" },
        { "hf:org/repo:a/../../x.gguf", "'..'" },
        { "hf:org/repo:%2e%2e/x.gguf", "percent-decoded" },
        { "hf:org/repo:%252e%252e%252fx.gguf", "percent-decoded" },
        { "hf:org/repo:a\\x.gguf", "backslash" },
        { "hf:org/repo:a\u2215x.gguf", "looks like" },
        { "hf:org/repo@../../x", "'..'" },
        { "ollama:evil.example/ns/model", "STOKER_OLLAMA_REGISTRY" },
        { "ollama:evil.example/model", "namespace" },
        { "ollama:model:..", "'..'" },
        { "ollama:", "empty" },
        { "ollama:a:b:c", "not allowed" },
        { "http://ann@example.org/a.gguf", "user name" },
        { "https://example.org?/a.gguf", "a host, not a file" },
        { "http://example.org:?#%2f./a", "a host, not a file" },
        { "https://user:pw@example.org/a.gguf", "user name" },
        { "https://example.org/", "host" },
        { "https://example.org/a/%2e%2e/b.gguf", "'..'" },
        { "https://example.org/a/%252e%252e/b.gguf", "'..'" },
        { "https://example.org/a%00.gguf", "NUL" },
        { "s3://b/x", "bucket" },
        { "s3://bucket/../x", "'..'" },
        { "s3://bucket//x", "key" },
        { "ftp://x/y", "scheme" },
        { "unix:///run/x", "scheme" },
        { "file://other-host/etc/passwd", "this machine" },
        { "~root/x.gguf", "another user" },
        { "CON ", "space" },
        { "a.", "ends with '.'" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Parse_HostileText_IsRefusedWithTheReason(string text, string reason)
    {
        var refused = Assert.Throws<StokerException>(() => ModelReference.Parse(text, Places));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.True(refused.Message.Length < 400, "A refusal is short, whatever was typed.");
        Assert.DoesNotContain(refused.Message, char.IsControl);
    }

    [Fact]
    public void Parse_AnyText_RoundTripsOrIsRefused()
    {
        // Pieces that matter to the parser, in any order, with noise between.
        var piece = Gen.Elements(
            "hf:", "hf.co/", "hf://", "ollama:", "https://", "http://", "https://huggingface.co/", "s3://", "file:", "file:///", "/", "./", "~", "~/", "..", "%2e", "%252e", "%2f", "%00",
            "\\", "\u2215", "\uFF0E", "\0", "\u001b", "-", ":", "@", ".gguf", "org", "repo", "Q4_K_M", "a", "B", "0.5b", "_", " ", "é", "\uD800", "#", "?", "&", "tree/", "blob/main/", "localhost", "127.0.0.1", "[::1]");
        var text = piece.ArrayOf().Where(static parts => parts.Length < 12).Select(static parts => string.Concat(parts));
        var config = Config.QuickThrowOnFailure.WithMaxTest(100_000).WithReplay(20261121, 7).WithQuietOnSuccess(true);
        var accepted = 0;
        Prop.ForAll(text.ToArbitrary(), typed => { if (RoundTripsOrIsRefused(typed)) accepted++; }).Check(config);
        Assert.True(accepted > 5_000, $"Only {accepted} of the texts were references: the generator is too wild to prove anything.");
    }

    private static bool RoundTripsOrIsRefused(string text)
    {
        ModelReference reference;
        try
        {
            reference = ModelReference.Parse(text, Places);
        }
        catch (StokerException refused)
        {
            Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
            return false;
        }
        Assert.Equal(reference, ModelReference.Parse(reference.Canonical, Places));
        switch (reference)
        {
            case HuggingFaceReference hub:
                Assert.Null(SafeName.WhyNotRelativePath(hub.Repo));
                if (hub.File is not null) AssertStaysInside(hub.File);
                break;
            case OllamaReference ollama:
                AssertStaysInside($"{ollama.Namespace}/{ollama.Model}/{ollama.Tag}");
                break;
            case ShortReference named:
                AssertStaysInside($"{named.Name}/{named.Tag ?? "x"}");
                break;
            case S3Reference s3:
                if (s3.Key.Length > 0) AssertStaysInside(s3.Key);
                break;
            case FileReference file:
                Assert.Equal(Path.GetFullPath(file.Path), file.Path);
                break;
        }
        return true;
    }

    private static void AssertStaysInside(string relative) =>
        Assert.StartsWith("/root/of/it/", Path.GetFullPath(Uri.UnescapeDataString(relative), "/root/of/it"), StringComparison.Ordinal);
}
