using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Stoker.Tests.Tidy;

/// <summary>
/// Inside a project a folder uses only folders before it in rank. Read from the syntax: usings and qualified names, so that a
/// folder cannot reach a later one by writing its name out either.
/// </summary>
public sealed class FolderRankTests
{
    // Folders of one inner array share a rank and do not use each other.
    private static readonly Dictionary<string, string[][]> Ranks = new()
    {
        ["Native"] = [["Libc"], ["Memory"], ["Llama"]],
        ["Core"] = [["Errors"], ["Settings"], ["Progress"], ["Models"], ["Formats"], ["Budget"], ["Jobs"], ["Children"]],
        ["Supply"] = [["Blobs"], ["Sources"], ["Fetch"]],
        ["Engine"] = [["Protocol"], ["Sessions"], ["Kv"], ["Decoding"], ["Chat"], ["Runners"]],
        ["Server"] = [["Http"], ["OpenAi", "Admin"]],
        ["Cli"] = [["Client"], ["Output"], ["Commands"]],
    };

    [Fact]
    public void Folders_HaveARank()
    {
        foreach (var (project, ranks) in Ranks)
        {
            var known = ranks.SelectMany(static rank => rank).ToHashSet();
            var unknown = Directory.GetDirectories(ProjectPath(project)).Select(Path.GetFileName)
                .Where(folder => !known.Contains(folder!) && Repository.Files(Path.Combine("src", $"Stoker.{project}", folder!), "*.cs").Any());
            Assert.Empty(unknown);
        }
    }

    [Fact]
    public void Folders_UseOnlyFoldersBeforeThem()
    {
        var wrong = new List<string>();
        foreach (var (project, ranks) in Ranks)
        {
            foreach (var path in Repository.Files($"src/Stoker.{project}", "*.cs"))
            {
                var own = Path.GetRelativePath(ProjectPath(project), path).Split('/')[0];
                var ownRank = Array.FindIndex(ranks, rank => rank.Contains(own));
                if (ownRank < 0) continue; // the composition root and Program stand above all folders
                wrong.AddRange(FoldersNamedIn(path, project, ranks)
                    .Where(used => used != own && Array.FindIndex(ranks, rank => rank.Contains(used)) >= ownRank)
                    .Select(used => $"{Repository.Relative(path)} uses {project}/{used}"));
            }
        }
        Assert.Empty(wrong.Distinct());
    }

    private static IEnumerable<string> FoldersNamedIn(string path, string project, string[][] ranks)
    {
        var root = CSharpSyntaxTree.ParseText(File.ReadAllText(path), cancellationToken: TestContext.Current.CancellationToken).GetRoot(TestContext.Current.CancellationToken);
        var names = root.DescendantNodes().Where(static node => node is QualifiedNameSyntax or MemberAccessExpressionSyntax or UsingDirectiveSyntax)
            .Where(static node => node.Parent is not BaseNamespaceDeclarationSyntax)
            .Select(static node => node is UsingDirectiveSyntax u ? u.NamespaceOrType.ToString() : node.ToString());
        foreach (var name in names)
        {
            foreach (var folder in ranks.SelectMany(static rank => rank))
            {
                if (name == $"Stoker.{project}.{folder}"
                    || name.StartsWith($"Stoker.{project}.{folder}.", StringComparison.Ordinal)
                    || name.StartsWith($"{project}.{folder}.", StringComparison.Ordinal))
                    yield return folder;
            }
        }
    }

    private static string ProjectPath(string project) => Path.Combine(Repository.Root, "src", $"Stoker.{project}");
}
