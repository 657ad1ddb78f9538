using Stoker.Core.Errors;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class SourceAccessTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FromEnvironment_Empty_IsTheRealHubs()
    {
        var access = SourceAccess.FromEnvironment(static _ => null);
        Assert.Equal("https://huggingface.co/", access.HuggingFaceEndpoint.AbsoluteUri);
        Assert.Equal("https://registry.ollama.ai/", access.OllamaRegistry.AbsoluteUri);
        Assert.Null(access.HuggingFaceToken);
        Assert.False(access.Offline);
    }

    [Fact]
    public void FromEnvironment_Token_IsTakenFromTheVariableOrTheFile()
    {
        File.WriteAllText(_folder.File("token"), "hf_file\n");
        Assert.Equal("hf_file", Read(("HF_HOME", _folder.Path)).HuggingFaceToken);
        Assert.Equal("hf_file", Read(("HF_TOKEN_PATH", _folder.File("token"))).HuggingFaceToken);
        Assert.Equal("hf_variable", Read(("HF_HOME", _folder.Path), ("HF_TOKEN", " hf_variable ")).HuggingFaceToken);
        File.WriteAllText(_folder.File("token"), "two\nlines");
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => Read(("HF_HOME", _folder.Path))).Kind);
        Assert.Null(Read(("HF_HOME", _folder.File("absent"))).HuggingFaceToken);
        Assert.DoesNotContain("hf_variable", Read(("HF_TOKEN", "hf_variable")).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("yes", true)]
    [InlineData("0", false)]
    [InlineData("false", false)]
    public void FromEnvironment_Offline_IsReadAsPeopleWriteIt(string value, bool offline) =>
        Assert.Equal(offline, Read(("STOKER_OFFLINE", value)).Offline);

    [Theory]
    [InlineData("http://127.0.0.1:80", true)]
    [InlineData("http://localhost:80/base", true)]
    [InlineData("https://hub.example/base", true)]
    [InlineData("http://hub.example", false)]
    [InlineData("http://10.0.0.1", false)]
    [InlineData("ftp://hub.example", false)]
    [InlineData("hub.example", false)]
    [InlineData("https://user:secret@hub.example", false)]
    [InlineData("https://hub.example/?x=1", false)]
    public void ParseEndpoint_IsHttpsOrLoopback(string text, bool accepted)
    {
        if (accepted)
        {
            Assert.EndsWith("/", SourceAccess.ParseEndpoint(text, "HF_ENDPOINT").AbsoluteUri, StringComparison.Ordinal);
            return;
        }
        var refused = Assert.Throws<StokerException>(() => SourceAccess.ParseEndpoint(text, "HF_ENDPOINT"));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains("HF_ENDPOINT", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromEnvironment_Authorities_AreMadeWhole() =>
        Assert.Equal(Path.GetFullPath("ca.pem"), Read(("STOKER_CA_FILE", "ca.pem")).CaFile);

    private static SourceAccess Read(params (string Name, string Value)[] variables) =>
        SourceAccess.FromEnvironment(name => variables.FirstOrDefault(one => one.Name == name).Value);
}
