using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Tests.Core.Models;

public sealed class ShortNamesTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("stoker-names-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Theory]
    [InlineData("qwen2.5:0.5b")]
    [InlineData("qwen2.5:3b")]
    [InlineData("qwen2.5:7b")]
    [InlineData("qwen2.5:14b")]
    [InlineData("qwen2.5:32b")]
    [InlineData("lfm2.5:8b")]
    [InlineData("llama3.2:3b")]
    [InlineData("gemma3:4b")]
    public void Find_ShippedName_HasARepositoryAQuantAndAnOllamaName(string name)
    {
        var found = Shipped().Find((ShortReference)ModelReference.Parse(name, ReferencePlaces.Nowhere));
        Assert.NotNull(found);
        Assert.NotNull(found.HuggingFaceReference().Quant);
        Assert.Equal(name, found.OllamaReference().Canonical["ollama:".Length..]);
    }

    [Fact]
    public void Find_Tiny_ShipsWithTheProgram() =>
        Assert.Equal("tiny/tiny.gguf", Shipped().Find(new ShortReference("tiny", null))?.Builtin);

    [Fact]
    public void Find_FollowsSameAs_ButNotForEver()
    {
        Write("""{"models":{"a":{"sameAs":"b"},"b":{"sameAs":"a"},"c":{"sameAs":"qwen2.5"}}}""");
        var names = ShortNames.Load(AppContext.BaseDirectory, _home);
        Assert.Null(names.Find(new ShortReference("a", null)));
        Assert.Equal("bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M", names.Find(new ShortReference("c", null))?.HuggingFace);
    }

    [Fact]
    public void Load_UsersFile_ReplacesNameByName()
    {
        Write("""{"models":{ /* mine */ "qwen2.5:3b":{"huggingFace":"me/mine:Q8_0"}, "new:1":{"ollama":"x"},}}""");
        var names = ShortNames.Load(AppContext.BaseDirectory, _home);
        Assert.Equal("me/mine:Q8_0", names.Find(new ShortReference("qwen2.5", "3b"))?.HuggingFace);
        Assert.NotNull(names.Find(new ShortReference("qwen2.5", "7b")));
        Assert.NotNull(names.Find(new ShortReference("new", "1")));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"models":{"../x":{"ollama":"x"}}}""")]
    [InlineData("""{"models":{"x":{}}}""")]
    [InlineData("""{"models":{"x":null}}""")]
    [InlineData("""{"models":{"x":{"ollama":"../x"}}}""")]
    [InlineData("""{"models":{"x":{"huggingFace":"x"}}}""")]
    [InlineData("""{"models":{"x":{"builtin":"/etc/passwd"}}}""")]
    [InlineData("""{"models":{"x":{"hugingFace":"o/r"}}}""")]
    public void Load_BrokenFile_SaysWhichFile(string json)
    {
        Write(json);
        var refused = Assert.Throws<StokerException>(() => ShortNames.Load(AppContext.BaseDirectory, _home));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains(Path.Combine(_home, "models.json"), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Current_FollowsAnEdit()
    {
        var file = new ShortNamesFile(AppContext.BaseDirectory, _home);
        Assert.Null(file.Current().Find(new ShortReference("mine", null)));
        Assert.Same(file.Current(), file.Current());
        Write("""{"models":{"mine":{"ollama":"x"}}}""");
        Assert.NotNull(file.Current().Find(new ShortReference("mine", null)));
        Write("{");
        Assert.Throws<StokerException>(file.Current);
        File.Delete(Path.Combine(_home, "models.json"));
        Assert.Null(file.Current().Find(new ShortReference("mine", null)));
    }

    [Fact]
    public void Near_UnknownTag_NamesTheOthers() =>
        Assert.Contains("qwen2.5:7b", Shipped().Near("qwen2.5:9b"));

    private static ShortNames Shipped() => ShortNames.Load(AppContext.BaseDirectory, null);

    private void Write(string json) => File.WriteAllText(Path.Combine(_home, "models.json"), json);
}
