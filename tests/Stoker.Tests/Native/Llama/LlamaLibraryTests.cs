using Stoker.Native.Llama;

namespace Stoker.Tests.Native.Llama;

/// <summary>
/// The header is not in this repository, so the layouts are held against what the library itself returns (LlamaLayouts, at every
/// load): a loaded library is the proof that sizes, padding and defaults fit.
/// </summary>
public sealed class LlamaLibraryTests
{
    [Fact]
    public void TryLoad_BesideTheProgram_LayoutsAndVersionFit()
    {
        var library = LoadedLlama.Library;
        Assert.StartsWith(LlamaLibrary.PinnedVersion, library.Version, StringComparison.Ordinal);
        Assert.NotEmpty(library.GgmlVersion);
        Assert.Contains("CPU", library.SystemFeatures, StringComparison.Ordinal);
        Assert.Contains(library.GgmlCommit, library.Fingerprint, StringComparison.Ordinal);
    }

    [Fact]
    public void BuiltInTemplates_HaveTheKnownOnes()
    {
        var names = LlamaChat.BuiltInTemplates(LoadedLlama.Library);
        Assert.Contains("chatml", names);
        Assert.Contains("llama3", names);
    }

    [Fact]
    public void Apply_ChatMl_IsTheDocumentedText()
    {
        var text = LlamaChat.Apply(LoadedLlama.Library, "chatml", [("system", "Sei kurz."), ("user", "Grüß Gott 👋")], addAssistant: true);
        Assert.Equal("<|im_start|>system\nSei kurz.<|im_end|>\n<|im_start|>user\nGrüß Gott 👋<|im_end|>\n<|im_start|>assistant\n", text);
    }

    [Fact]
    public void Apply_TextLongerThanTheGuess_IsWhole()
    {
        // Characters of 3 bytes each: longer in UTF-8 than the first buffer.
        var content = new string('漢', 20_000);
        var text = LlamaChat.Apply(LoadedLlama.Library, "chatml", [("user", content)], addAssistant: false);
        Assert.Equal($"<|im_start|>user\n{content}<|im_end|>\n", text);
    }

    [Theory]
    [InlineData("{{ messages[0].content }}")]
    [InlineData("")]
    public void Apply_UnknownTemplate_IsRefused(string template)
    {
        var error = Assert.Throws<LlamaException>(() => LlamaChat.Apply(LoadedLlama.Library, template, [("user", "x")], addAssistant: true));
        Assert.Equal(LlamaFailure.Template, error.Failure);
    }

    [Fact]
    public void Apply_NulCharacter_IsRefused()
    {
        var error = Assert.Throws<LlamaException>(() => LlamaChat.Apply(LoadedLlama.Library, "chatml", [("user", "a\0b")], addAssistant: true));
        Assert.Equal(LlamaFailure.Argument, error.Failure);
    }
}
