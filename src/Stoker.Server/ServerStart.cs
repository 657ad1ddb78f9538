using Microsoft.Extensions.Logging;
using Stoker.Core.Settings;
using Stoker.Engine;
using Stoker.Supply;

namespace Stoker.Server;

/// <summary>What a daemon is made from. Who makes it holds the home's owner lock for as long as the server lives.</summary>
public sealed record ServerStart
{
    public required EffectiveSettings Settings { get; init; }

    public required StokerPaths Paths { get; init; }

    /// <summary>True: a TCP address that is taken is reported, and the Unix socket served alone. False: it is an error.</summary>
    public bool Background { get; init; }

    /// <summary>This program's executable, which runners are started from.</summary>
    public required string ProgramPath { get; init; }

    /// <summary>Arguments before the runner's own, when <see cref="ProgramPath"/> needs some to be this program.</summary>
    public IReadOnlyList<string> ProgramArguments { get; init; } = [];

    /// <summary>Where log lines go; not disposed.</summary>
    public required TextWriter Log { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Another engine than the one with runners, for tests; disposed with the server.</summary>
    public Func<ModelSupply, IInferenceEngine>? Engine { get; init; }
}
