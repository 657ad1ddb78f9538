namespace Stoker.Scenarios.Harness;

/// <summary>A program that has ended, and all it said.</summary>
public sealed record Finished(int ExitCode, string Out, string Error)
{
    /// <summary>Fails the test, with everything that was said, unless the program ended with this code.</summary>
    public Finished Expect(int exitCode)
    {
        if (ExitCode != exitCode) Assert.Fail($"ended with {ExitCode}, expected {exitCode}.\nstandard output:\n{Out}\nstandard error:\n{Error}");
        return this;
    }
}
