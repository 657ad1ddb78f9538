using System.Globalization;
using System.Security.Cryptography;
using FakeHub;
using Stoker.Scenarios.Harness;
using TinyModel;

namespace Stoker.Scenarios.Supply;

/// <summary>
/// npm's @huggingface/hub, written by others for the real hub, reads FakeHub: what our sources are tested against is not only what
/// we believe a hub to be.
/// </summary>
public sealed class HuggingFaceHubClientTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-hub-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"gated":true}""", "hf_fakehub_token")]
    public async Task Repository_ReadByTheForeignClient_IsWhatWasPublished(string settings, string token)
    {
        await using var hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = Path.Combine(_folder, "hub"), TreePageSize = 2 });
        var parts = RandomModel.Write(Path.Combine(_folder, "m.gguf"), new RandomModelOptions { Shape = "tiny", Parts = 2 });
        var readme = Path.Combine(_folder, "README.md");
        await File.WriteAllTextAsync(readme, "# A model\n");
        hub.Publisher.HuggingFace("org/repo", ("README.md", readme), ("Q4_0/m-Q4_0-00001-of-00002.gguf", parts[0]), ("Q4_0/m-Q4_0-00002-of-00002.gguf", parts[1]));
        hub.Publisher.HuggingFaceSettings("org/repo", settings);

        var output = await NodePackages.RunAsync("hub-facts.mjs", [hub.Url.TrimEnd('/'), "org/repo", token]);

        var facts = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split('\t')).ToLookup(static fact => fact[0]);
        Assert.Equal("org/repo", Assert.Single(facts["model"])[1]);
        var listed = facts["file"].ToDictionary(static fact => fact[1]);
        var downloaded = facts["download"].ToDictionary(static fact => fact[1]);
        Assert.Equal(3, listed.Count);
        foreach (var file in hub.Content.Files("hf/org/repo"))
        {
            var size = file.SizeBytes.ToString(CultureInfo.InvariantCulture);
            Assert.Equal([size, file.Name.EndsWith(".gguf", StringComparison.Ordinal) ? file.Sha256 : file.GitSha1], listed[file.Name][2..]);
            Assert.Equal([size, file.Sha256], downloaded[file.Name][2..]);
        }
        foreach (var range in facts["range"])
        {
            var bytes = await File.ReadAllBytesAsync(Path.Combine(_folder, "hub/hf/org/repo", range[1]));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(1000, 1000))), range[2]);
        }
        Assert.Equal(["True", "False"], facts["exists"].Select(static fact => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(fact[2])));
        Assert.Equal("401", Assert.Single(facts["refused"])[1]);
    }
}
