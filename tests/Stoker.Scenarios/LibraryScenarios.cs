using System.Diagnostics;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios;

/// <summary>STOKER_LLAMA_DIR: another folder works, and wrong libraries are a sentence, never a crash.</summary>
public sealed class LibraryScenarios(ScenarioHub hub) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-libraries-").FullName;

    [Fact]
    public async Task FolderWithTheRealLibraries_IsUsed()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Path.GetDirectoryName(BuiltProgram.Path)!, "runtimes", "linux-x64", "native")))
            File.CreateSymbolicLink(Path.Combine(_folder, Path.GetFileName(file)), file);
        await using var home = hub.NewHome();
        home.Environment["STOKER_LLAMA_DIR"] = _folder;

        var answer = (await home.StokerAsync("run", "tiny", "What is 2 + 2?", "--temp", "0")).Expect(0);

        Assert.Equal("2 + 2 = 4.\n", answer.Out);
    }

    [Fact]
    public async Task FilesThatAreNoLibraries_AreNamed()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "libggml-base.so"), "not a library", TestContext.Current.CancellationToken);
        await ExpectRefusalAsync("libggml-base.so does not load");
    }

    [Fact]
    public async Task LibrariesOfAnotherVersion_AreRefused()
    {
        var source = Path.Combine(_folder, "empty.c");
        await File.WriteAllTextAsync(source, "int nothing_of_llama(void) { return 0; }\n", TestContext.Current.CancellationToken);
        foreach (var name in new[] { "libggml-base.so", "libggml.so", "libllama.so" })
        {
            if (!await CompileAsync(source, Path.Combine(_folder, name))) Assert.Skip("SKIPPED: no C compiler here (Debian: gcc, libc6-dev); a library of another version was not tried.");
        }
        await ExpectRefusalAsync("another version");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task ExpectRefusalAsync(string reason)
    {
        await using var home = hub.NewHome();
        home.Environment["STOKER_LLAMA_DIR"] = _folder;

        var run = (await home.StokerAsync("run", "tiny", "Hello")).Expect(9);
        var health = await home.StokerAsync("health");
        (await home.StokerAsync("status")).Expect(0); // the daemon lives

        Assert.Contains(reason, run.Error, StringComparison.Ordinal);
        Assert.Contains(_folder, run.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, health.ExitCode);
        Assert.Contains(reason, health.Out + health.Error, StringComparison.Ordinal);
    }

    private static async Task<bool> CompileAsync(string source, string library)
    {
        if (!File.Exists("/usr/bin/gcc")) return false;
        using var compiler = Process.Start("/usr/bin/gcc", ["-shared", "-fPIC", "-o", library, source]);
        await compiler.WaitForExitAsync(TestContext.Current.CancellationToken);
        return compiler.ExitCode == 0;
    }
}
