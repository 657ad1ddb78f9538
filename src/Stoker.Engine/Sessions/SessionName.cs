using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Engine.Sessions;

/// <summary>Names that people give to sessions, and the ids that Stoker gives them.</summary>
public static class SessionName
{
    public const int MaxLength = 64;
    private const int IdLength = 16;

    /// <summary>What a name may be, as a sentence for who typed another.</summary>
    public const string Rule = "Take up to 64 letters (a to z), digits, '.', '_' and '-', a letter or a digit first.";

    /// <summary>The reason of a refusal, or null.</summary>
    public static string? WhyNot(string name) => IsId(name)
        ? "sixteen hexadecimal digits are what an id looks like"
        : SafeName.WhyNotPart(name, MaxLength);

    /// <exception cref="StokerException">InvalidInput.</exception>
    public static void Check(string name)
    {
        if (WhyNot(name) is { } reason)
            throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(name, 80)}' is not a session name: {reason}. {Rule}");
    }

    /// <summary>Sixteen lower-case hex digits.</summary>
    public static bool IsId(string text) => text.Length == IdLength && text.All(char.IsAsciiHexDigitLower);

    internal static string NewId() => Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(IdLength / 2));
}
