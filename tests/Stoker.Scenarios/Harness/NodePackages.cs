using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Stoker.Scenarios.Harness;

/// <summary>
/// The foreign clients of <c>tests/js</c>: restored once by <c>npm ci</c> from the pinned lock file into a folder of the build
/// named by its hash, and run with node from there.
/// </summary>
public static class NodePackages
{
    private static readonly Lazy<Task<string>> Restored = new(RestoreAsync);

    /// <summary>Runs <c>tests/js/SCRIPT</c> and returns what it printed. Fails the test when the script fails; skips it without npm.</summary>
    public static async Task<string> RunAsync(string script, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var folder = await Restored.Value;
        var copy = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(script)}-{Guid.NewGuid():N}.mjs");
        // Node looks for packages beside the script.
        File.Copy(Path.Combine(SourceFolder(), script), copy);
        try
        {
            var (code, output, error) = await ExecuteAsync("node", [copy, .. arguments], folder, environment);
            Assert.True(code == 0, $"node {script} ended with {code}:\n{error}\n{output}");
            return output;
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>Starts <c>tests/js/SCRIPT</c>, a server; returns when it has printed a line that begins with <paramref name="ready"/>.</summary>
    public static async Task<RunningNode> StartAsync(string script, string ready, IReadOnlyList<string> arguments)
    {
        var folder = await Restored.Value;
        var copy = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(script)}-{Guid.NewGuid():N}.mjs");
        File.Copy(Path.Combine(SourceFolder(), script), copy);
        var start = new ProcessStartInfo("node", [copy, .. arguments]) { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = folder };
        var process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (line.StartsWith(ready, StringComparison.Ordinal)) return new RunningNode(process, copy, line[ready.Length..].Trim());
        }
        Assert.Fail($"node {script} ended before it was ready.");
        throw new InvalidOperationException();
    }

    private static async Task<string> RestoreAsync()
    {
        var source = SourceFolder();
        var hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(source, "package-lock.json"))))[..16];
        var target = Path.Combine(source, "../../artifacts/tests-js", hash);
        if (Directory.Exists(target)) return target;
        var work = target + "." + Guid.NewGuid().ToString("N");
        Directory.CreateDirectory(work);
        foreach (var name in new[] { "package.json", "package-lock.json", ".npmrc" }) File.Copy(Path.Combine(source, name), Path.Combine(work, name));
        var (code, output, error) = await ExecuteAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], work, null);
        Assert.True(code == 0, $"npm ci in tests/js ended with {code}:\n{error}\n{output}");
        try
        {
            Directory.Move(work, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            // Another run was first.
            Directory.Delete(work, recursive: true);
        }
        return target;
    }

    private static async Task<(int Code, string Output, string Error)> ExecuteAsync(
        string program, IReadOnlyList<string> arguments, string folder, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = folder };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"SKIPPED: there is no {program} here; foreign JavaScript clients are not tested.");
            throw;
        }
        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, await output, await error);
        }
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../js"));
}

/// <summary>A server under node; disposing it closes its standard input, which ends it.</summary>
/// <param name="process">Node.</param>
/// <param name="script">The copy that it runs.</param>
/// <param name="said">What followed the word that it was ready.</param>
public sealed class RunningNode(Process process, string script, string said) : IAsyncDisposable
{
    public string Said => said;

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }
        process.Dispose();
        File.Delete(script);
    }
}
