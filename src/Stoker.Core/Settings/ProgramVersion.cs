using System.Reflection;

namespace Stoker.Core.Settings;

/// <summary>Which build this is, e.g. <c>0.1.0+4f1c2ab</c>. CLI and daemon compare theirs.</summary>
public static class ProgramVersion
{
    private const int CommitLength = 8;

    /// <summary>Version and, where the build knew it, the commit.</summary>
    public static string Current { get; } = Shorten(
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");

    private static string Shorten(string version)
    {
        var plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 || version.Length <= plus + 1 + CommitLength ? version : version[..(plus + 1 + CommitLength)];
    }
}
