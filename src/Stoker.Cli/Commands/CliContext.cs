using System.Collections;
using Stoker.Cli.Output;

namespace Stoker.Cli.Commands;

/// <summary>What a command has of the world around it; nothing below reads the process's own environment.</summary>
public sealed record CliContext
{
    public required CliConsole Console { get; init; }
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Our own executable, for starting the daemon and the runners.</summary>
    public required string ProgramPath { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static CliContext OfProcess()
    {
        var environment = EnvironmentOfProcess();
        return new CliContext
        {
            Console = CliConsole.OfProcess(environment),
            Environment = environment,
            ProgramPath = System.Environment.ProcessPath ?? throw new InvalidOperationException("The system does not tell which program this is."),
        };
    }

    public static IReadOnlyDictionary<string, string> EnvironmentOfProcess()
    {
        var environment = new Dictionary<string, string>();
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables()) environment[(string)entry.Key] = (string?)entry.Value ?? "";
        return environment;
    }
}
