using System.Runtime.CompilerServices;

namespace Stoker.Tests.Tidy;

/// <summary>The checkout these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../.."));

    /// <summary>Files below a folder that people wrote: no build outputs, no packages.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) => Directory
        .EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
        .Where(static path => !Relative(path).Split(Path.DirectorySeparatorChar).Any(static part => part is "node_modules" or "bin" or "obj" or "artifacts" or "dist" or "work" || part.StartsWith(".dist", StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal);

    public static string Relative(string path) => Path.GetRelativePath(Root, path);

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
