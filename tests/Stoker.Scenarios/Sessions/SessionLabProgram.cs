using System.Diagnostics;

namespace Stoker.Scenarios.Sessions;

/// <summary>The session lab as a process of its own, which can be killed.</summary>
internal static class SessionLabProgram
{
    internal static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "SessionLab");

    /// <summary>Starts it, hears <paramref name="lines"/> lines (or all), kills it, and hears what it had said by then.</summary>
    /// <param name="through">A program and its arguments before it, or none.</param>
    /// <returns>Its exit code, what it said on standard error.</returns>
    internal static async Task<(int ExitCode, string Error)> RunAsync(IReadOnlyList<string> through, IReadOnlyList<string> arguments, SessionWitness witness, int lines = int.MaxValue)
    {
        string[] command = [.. through, Path, .. arguments];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        for (var heard = 0; await process.StandardOutput.ReadLineAsync() is { } line; heard++)
        {
            witness.Hear(line);
            if (heard == lines) process.Kill();
        }
        await process.WaitForExitAsync();
        return (process.ExitCode, await error);
    }

    /// <summary>Opens and reads every session; fails when one is not as it must be.</summary>
    internal static async Task<string> CheckAsync(string root, string when)
    {
        using var process = Process.Start(new ProcessStartInfo(Path, [root, "check"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var found = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{when}: {await error}\n{found}");
        return found;
    }
}
