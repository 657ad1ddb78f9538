using Stoker.Core.Errors;

namespace Stoker.Cli.Output;

/// <summary>Exit codes, from the one table of error kinds; also printed by <c>stoker --help</c>.</summary>
public static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>The command line itself is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Ended by Ctrl-C, as shells count (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>Codes and their meaning, for people.</summary>
    public static IReadOnlyList<(int Code, string Meaning)> Table { get; } =
    [
        (Ok, "done"),
        (1, "a defect of Stoker"),
        (Usage, "the command or its input makes no sense"),
        (3, "no such model, job or file"),
        (4, "a hub or the network failed, or nothing arrived for too long"),
        (5, "not allowed: credentials, host or owner"),
        (6, "not enough memory, or the disk is full"),
        (7, "bytes are not what they must be"),
        (8, "it collides with what is going on"),
        (9, "not now: busy, or a part that is needed is not there"),
        (10, "this version or this model cannot do that"),
        (11, "over a limit: context, size"),
        (12, "the system refused to read or write"),
        (Interrupted, "ended by Ctrl-C or cancelled"),
    ];

    public static int Of(ErrorKind kind) => kind switch
    {
        ErrorKind.Internal => 1,
        ErrorKind.InvalidInput => Usage,
        ErrorKind.NotFound => 3,
        ErrorKind.Network or ErrorKind.Timeout => 4,
        ErrorKind.Unauthorized or ErrorKind.Forbidden => 5,
        ErrorKind.OutOfMemory or ErrorKind.OutOfSpace => 6,
        ErrorKind.Corrupt => 7,
        ErrorKind.Conflict => 8,
        ErrorKind.Busy or ErrorKind.Unavailable => 9,
        ErrorKind.Unsupported => 10,
        ErrorKind.ContextOverflow or ErrorKind.TooLarge => 11,
        ErrorKind.Io => 12,
        ErrorKind.Cancelled => Interrupted,
        _ => 1,
    };
}
