namespace Stoker.Scenarios.Harness;

/// <summary>The built program that scenarios run: what <c>STOKER_PROGRAM</c> names (<c>./run test</c> sets it), else the one built beside this test.</summary>
public static class BuiltProgram
{
    public static string Path { get; } = Find();

    /// <summary>The repository's root.</summary>
    public static string Repository { get; } = FindRepository();

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("STOKER_PROGRAM") is { Length: > 0 } named) return named;
        var beside = System.IO.Path.Combine(AppContext.BaseDirectory, "stoker");
        return File.Exists(beside) ? beside : throw new InvalidOperationException($"There is no program to test: neither STOKER_PROGRAM nor {beside}.");
    }

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Stoker.slnx"))) return folder.FullName;
        }
        throw new InvalidOperationException("The tests do not lie in the repository.");
    }
}
