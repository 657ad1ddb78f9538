using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>
/// The token flow of OCI registries: a 401 names a realm, which gives a short-lived token for one repository. The realm must be on
/// the registry's own host: a registry's answer cannot send us (or a token) elsewhere. Thread-safe.
/// </summary>
internal sealed partial class RegistryTokens(SourceSession session) : IDisposable
{
    private const int MaxBytes = 64 * 1024;
    private readonly ConcurrentDictionary<string, string> _byRepository = new();
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>The token for the repository in an address, or null when none was asked for yet.</summary>
    internal string? For(Uri address) => _byRepository.GetValueOrDefault(RepositoryOf(address));

    /// <summary>Asks the realm that a 401 names.</summary>
    internal async Task<string> FetchAsync(Uri address, HttpResponseMessage unauthorized, CancellationToken cancellationToken)
    {
        var realm = RealmOf(address, unauthorized);
        await _one.WaitAsync(cancellationToken);
        try
        {
            using var response = await session.SendPlainAsync(realm, cancellationToken);
            if (!response.IsSuccessStatusCode) throw await SourceErrors.OfStatusAsync(response, realm, session, cancellationToken);
            await using var stream = await new SourceResponse(response, realm).OpenBodyAsync(session.Options.IdleTimeout, session.Options.Time, cancellationToken);
            var body = new byte[MaxBytes];
            var read = await stream.ReadAtLeastAsync(body, MaxBytes, throwOnEndOfStream: false, cancellationToken);
            var parsed = JsonSerializer.Deserialize(body.AsSpan(0, read), RegistryTokenJson.Default.RegistryToken);
            var token = parsed?.Token ?? parsed?.AccessToken;
            if (string.IsNullOrEmpty(token) || token.Any(static c => c is <= ' ' or >= (char)127)) throw Nonsense(address);
            _byRepository[RepositoryOf(address)] = token;
            return token;
        }
        catch (JsonException)
        {
            throw Nonsense(address);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private static Uri RealmOf(Uri address, HttpResponseMessage unauthorized)
    {
        var challenge = unauthorized.Headers.WwwAuthenticate.FirstOrDefault(static header => header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase));
        var fields = Fields().Matches(challenge?.Parameter ?? "").ToDictionary(static match => match.Groups["key"].Value.ToLowerInvariant(), static match => match.Groups["value"].Value);
        if (!fields.TryGetValue("realm", out var text) || !Uri.TryCreate(text, UriKind.Absolute, out var realm))
            throw new SourceException(ErrorKind.Unauthorized, $"The registry {address.Host} wants credentials of a kind that is not known.", canRetry: false);
        if (!SourceSession.SameOrigin(address, realm) || realm.UserInfo.Length > 0)
            throw new SourceException(ErrorKind.Forbidden, $"The registry {address.Host} sends for its token to {Printable.Short(realm.Host)}, another host. That is refused.", canRetry: false);
        var query = new List<string>();
        if (fields.TryGetValue("service", out var service)) query.Add("service=" + Uri.EscapeDataString(service));
        if (fields.TryGetValue("scope", out var scope)) query.Add("scope=" + Uri.EscapeDataString(scope));
        return new UriBuilder(realm) { Query = string.Join('&', query) }.Uri;
    }

    // /v2/<namespace>/<model>/(manifests|blobs)/…
    private static string RepositoryOf(Uri address) => string.Join('/', address.AbsolutePath.Split('/').SkipWhile(static part => part != "v2").Skip(1).Take(2));

    private static SourceException Nonsense(Uri address) =>
        new(ErrorKind.Network, $"The registry {address.Host} answers the request for a token with something else.", canRetry: false);

    [GeneratedRegex("(?<key>[a-zA-Z]+)=\"(?<value>[^\"]{0,2000})\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fields();
}

internal sealed record RegistryToken
{
    public string? Token { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RegistryToken))]
internal sealed partial class RegistryTokenJson : JsonSerializerContext;
