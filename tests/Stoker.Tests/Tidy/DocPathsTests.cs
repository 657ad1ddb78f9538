using System.Text.RegularExpressions;

namespace Stoker.Tests.Tidy;

/// <summary>Documents that name paths rot unless a test reads them.</summary>
public sealed partial class DocPathsTests
{
    [Fact]
    public void PathsInDocuments_Exist()
    {
        var wrong = new List<string>();
        foreach (var document in Repository.Files(".", "*.md"))
        {
            var folder = Path.GetDirectoryName(document)!;
            foreach (Match match in LinkedPath().Matches(File.ReadAllText(document)))
            {
                var target = match.Groups["path"].Value;
                if (target.Contains("://", StringComparison.Ordinal)) continue;
                if (!Path.Exists(Path.Combine(folder, target))) wrong.Add($"{Repository.Relative(document)} links to {target}");
            }
            foreach (Match match in SourcePath().Matches(File.ReadAllText(document)))
            {
                if (!Path.Exists(Path.Combine(Repository.Root, match.Groups["path"].Value)))
                    wrong.Add($"{Repository.Relative(document)} names {match.Groups["path"].Value}");
            }
        }
        Assert.Empty(wrong);
    }

    [GeneratedRegex(@"\]\((?<path>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex LinkedPath();

    [GeneratedRegex(@"`(?<path>(src|tests|tools|bench|docs|deploy|models|build)/[\w./-]*[\w])`")]
    private static partial Regex SourcePath();
}
