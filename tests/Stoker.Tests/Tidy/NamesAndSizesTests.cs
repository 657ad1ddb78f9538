using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Stoker.Tests.Tidy;

/// <summary>Names say something, files stay readable, nothing unfinished is committed.</summary>
public sealed partial class NamesAndSizesTests
{
    private const int MaxLines = 400;

    private static readonly string[] EmptyWords = ["Manager", "Helper", "Util", "Utils", "Common", "Service", "Processor", "Data", "Info", "Base"];

    [Fact]
    public void Types_AreNotNamedByEmptyWords()
    {
        var wrong = Repository.Files("src", "*.cs").SelectMany(static path =>
            CSharpSyntaxTree.ParseText(File.ReadAllText(path)).GetRoot().DescendantNodes().OfType<BaseTypeDeclarationSyntax>()
                .Where(static type => EmptyWords.Any(word => type.Identifier.Text.EndsWith(word, StringComparison.Ordinal)))
                .Select(type => $"{Repository.Relative(path)}: {type.Identifier.Text}"));
        Assert.Empty(wrong);
    }

    [Fact]
    public void Files_AreShort()
    {
        var wrong = Repository.Files("src", "*.cs").Select(static path => (Path: Repository.Relative(path), Lines: File.ReadLines(path).Count()))
            .Where(static file => file.Lines > MaxLines).Select(static file => $"{file.Path}: {file.Lines} lines, at most {MaxLines}");
        Assert.Empty(wrong);
    }

    [Fact]
    public void Source_HasNothingUnfinished()
    {
        var wrong = new[] { "src", "tools", "bench", "tests" }.SelectMany(static folder => Repository.Files(folder, "*.cs"))
            .Where(static path => !path.EndsWith("NamesAndSizesTests.cs", StringComparison.Ordinal))
            .Where(static path => Unfinished().IsMatch(File.ReadAllText(path))).Select(Repository.Relative);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Interop_StaysInNative()
    {
        var wrong = Repository.Files("src", "*.cs").Where(static path => !path.Contains("/Stoker.Native/", StringComparison.Ordinal))
            .Where(static path => Interop().IsMatch(File.ReadAllText(path))).Select(Repository.Relative);
        Assert.Empty(wrong);
    }

    [Fact]
    public void LockFiles_CarryNoAddresses()
    {
        var wrong = Repository.Files(".", "package-lock.json").Where(static path => File.ReadAllText(path).Contains("\"resolved\"", StringComparison.Ordinal)).Select(Repository.Relative);
        Assert.Empty(wrong);
    }

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\[(DllImport|LibraryImport)\b|\bMarshal\.(Read|Write|PtrTo|Copy|Alloc)")]
    private static partial Regex Interop();
}
