using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Stoker.Server.Http;

/// <summary>Whether a call brings a configured key. Takes the same time whatever is wrong with it.</summary>
public sealed class ApiKeyCheck
{
    private const string Scheme = "Bearer ";
    private readonly byte[][] _keys;

    public ApiKeyCheck(IReadOnlyList<string> keys) => _keys = [.. keys.Select(Sum)];

    public bool IsRequired => _keys.Length > 0;

    /// <param name="authorization">The Authorization header.</param>
    /// <param name="apiKey">The x-api-key header, which some clients send instead.</param>
    public bool IsAllowed(StringValues authorization, StringValues apiKey)
    {
        if (!IsRequired) return true;
        var sum = Sum(Offered(authorization, apiKey));
        var matches = 0;
        // Every key is compared, and sums of equal length are: neither the number nor a prefix shows in the time.
        foreach (var known in _keys) matches |= CryptographicOperations.FixedTimeEquals(known, sum) ? 1 : 0;
        return matches != 0;
    }

    /// <summary>The key that a call brings, or nothing.</summary>
    public static string Offered(StringValues authorization, StringValues apiKey) =>
        authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim()
            : apiKey is [{ } key] ? key : "";

    /// <summary>A word for a key that tells nothing of it, not even to who guesses: the first half of its HMAC-SHA-256 under a secret of this home.</summary>
    public static string ScopeOf(string key, ReadOnlySpan<byte> secret) => Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(key)).AsSpan(0, 16));

    /// <summary>It is one that <see cref="ScopeOf"/> gives.</summary>
    public static bool IsScopeOfKey(string scope) => scope.Length == 32 && scope.All(char.IsAsciiHexDigitLower);

    private static byte[] Sum(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
