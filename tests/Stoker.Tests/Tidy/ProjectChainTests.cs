using System.Xml.Linq;

namespace Stoker.Tests.Tidy;

/// <summary>Cli ► Server ► Engine ► Supply ► Core ► Native: each project names its right neighbour and no other.</summary>
public sealed class ProjectChainTests
{
    private static readonly string[] Chain = ["Native", "Core", "Supply", "Engine", "Server", "Cli"];

    [Fact]
    public void EachProject_ReferencesItsRightNeighbourAlone()
    {
        for (var i = 0; i < Chain.Length; i++)
        {
            var references = Project(Chain[i]).Descendants("ProjectReference")
                .Select(static reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)).ToArray();
            string[] expected = i == 0 ? [] : [$"Stoker.{Chain[i - 1]}"];
            Assert.Equal(expected, references);
        }
    }

    [Fact]
    public void UnsafeBlocks_CompileInNativeAlone()
    {
        var allowing = Repository.Files(".", "*.csproj").Concat(Repository.Files(".", "*.props"))
            .Where(static path => XDocument.Load(path).Descendants("AllowUnsafeBlocks").Any(static e => e.Value == "true"))
            .Select(Repository.Relative);
        Assert.Equal(["src/Stoker.Native/Stoker.Native.csproj"], allowing);
    }

    [Fact]
    public void SourceFolders_AreTheChain()
    {
        var folders = Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(static path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);
        Assert.Equal(Chain.Select(static name => $"Stoker.{name}").Order(StringComparer.Ordinal), folders);
    }

    private static XDocument Project(string name) => XDocument.Load(Path.Combine(Repository.Root, "src", $"Stoker.{name}", $"Stoker.{name}.csproj"));
}
