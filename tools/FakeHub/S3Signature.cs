using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace FakeHub;

/// <summary>One request as its signature sees it. Everything as it came over the wire.</summary>
/// <param name="Method">GET or HEAD.</param>
/// <param name="Target">Path and query.</param>
/// <param name="Header">A header's value by its lower-case name; empty when absent.</param>
public sealed record SignedRequest(string Method, string Target, Func<string, string> Header);

/// <summary>
/// Checks a signature of version 4, in the Authorization header or in the query, from Amazon's description ("Authenticating Requests
/// (AWS Signature Version 4)"); what the signer's library does is no source. Pure.
/// </summary>
public static class S3Signature
{
    private const string Algorithm = "AWS4-HMAC-SHA256";
    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(15);

    /// <summary>The store's error code, or null: the signature is right.</summary>
    /// <param name="request">What came.</param>
    /// <param name="keyId">The key that is known.</param>
    /// <param name="secret">Its secret.</param>
    /// <param name="now">The time here.</param>
    public static string? WhyNot(SignedRequest request, string keyId, string secret, DateTimeOffset now)
    {
        var (path, query) = Split(request.Target);
        var claim = Claim.Read(request, query);
        if (claim is null) return "AccessDenied";
        var scope = claim.Credential.Split('/');
        if (scope is not [var id, var date, var region, "s3", "aws4_request"]) return "AuthorizationHeaderMalformed";
        if (id != keyId) return "InvalidAccessKeyId";
        if (!DateTimeOffset.TryParseExact(claim.Time, "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) || !claim.Time.StartsWith(date, StringComparison.Ordinal)) return "AccessDenied";
        if (now < at - MostSkew || now > at + (claim.Lifetime ?? MostSkew)) return claim.Lifetime is null ? "RequestTimeTooSkewed" : "AccessDenied";
        if (!claim.SignedHeaders.Split(';').Contains("host")) return "AccessDenied";

        var headers = string.Concat(claim.SignedHeaders.Split(';').Select(name => $"{name}:{request.Header(name).Trim()}\n"));
        var canonical = string.Join('\n', request.Method, Encode(path, keepSlash: true), CanonicalQuery(query), headers, claim.SignedHeaders, claim.PayloadHash);
        var text = string.Join('\n', Algorithm, claim.Time, string.Join('/', scope[1..]), Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical))));
        var key = Encoding.UTF8.GetBytes("AWS4" + secret);
        foreach (var part in new[] { date, region, "s3", "aws4_request" }) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        return Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text))) == claim.Signature ? null : "SignatureDoesNotMatch";
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    private static (string Path, List<(string Name, string Value)> Query) Split(string target)
    {
        var cut = target.IndexOf('?', StringComparison.Ordinal);
        var fields = cut < 0 ? [] : target[(cut + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries);
        return (Uri.UnescapeDataString(cut < 0 ? target : target[..cut]), [.. fields.Select(static field => field.Split('=', 2)).Select(static pair => (Uri.UnescapeDataString(pair[0]), pair.Length > 1 ? Uri.UnescapeDataString(pair[1]) : ""))]);
    }

    private static string CanonicalQuery(List<(string Name, string Value)> query) => string.Join('&', query.Where(static field => field.Name != "X-Amz-Signature")
        .Select(static field => (Name: Encode(field.Name, keepSlash: false), Value: Encode(field.Value, keepSlash: false)))
        .OrderBy(static field => field.Name, StringComparer.Ordinal).ThenBy(static field => field.Value, StringComparer.Ordinal).Select(static field => $"{field.Name}={field.Value}"));

    // Letters, digits and -._~ stay; that is what this method keeps too.
    private static string Encode(string text, bool keepSlash) =>
        keepSlash ? string.Join('/', text.Split('/').Select(Uri.EscapeDataString)) : Uri.EscapeDataString(text);

    private sealed record Claim(string Credential, string Time, string SignedHeaders, string Signature, string PayloadHash, TimeSpan? Lifetime)
    {
        internal static Claim? Read(SignedRequest request, List<(string Name, string Value)> query)
        {
            var authorization = request.Header("authorization");
            if (authorization.StartsWith(Algorithm + " ", StringComparison.Ordinal))
            {
                var fields = authorization[(Algorithm.Length + 1)..].Split(',', StringSplitOptions.TrimEntries).Select(static field => field.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[^1]);
                return new Claim(fields.GetValueOrDefault("Credential", ""), request.Header("x-amz-date"), fields.GetValueOrDefault("SignedHeaders", ""), fields.GetValueOrDefault("Signature", ""), request.Header("x-amz-content-sha256"), null);
            }
            if (Of("X-Amz-Algorithm") != Algorithm || !int.TryParse(Of("X-Amz-Expires"), CultureInfo.InvariantCulture, out var seconds) || seconds is < 1 or > 7 * 86_400) return null;
            return new Claim(Of("X-Amz-Credential"), Of("X-Amz-Date"), Of("X-Amz-SignedHeaders"), Of("X-Amz-Signature"), "UNSIGNED-PAYLOAD", TimeSpan.FromSeconds(seconds));

            string Of(string name) => query.Find(field => field.Name == name).Value ?? "";
        }
    }
}
