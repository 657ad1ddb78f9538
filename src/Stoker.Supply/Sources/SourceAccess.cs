using System.Net;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// What one job may use to reach origins: the caller's tokens, endpoints and proxy. Lives in memory for that job alone; never
/// logged, never stored. Immutable.
/// </summary>
public sealed record SourceAccess
{
    public static readonly Uri DefaultHuggingFace = new("https://huggingface.co/");
    public static readonly Uri DefaultOllamaRegistry = new("https://registry.ollama.ai/");

    /// <summary>How the caller reached us: an owner may name private addresses and files.</summary>
    public CallerTrust Trust { get; init; } = CallerTrust.Owner;

    /// <summary><c>HF_ENDPOINT</c>; ends with a slash.</summary>
    public Uri HuggingFaceEndpoint { get; init; } = DefaultHuggingFace;

    /// <summary><c>HF_TOKEN</c>, or what the token file holds.</summary>
    public string? HuggingFaceToken { get; init; }

    /// <summary><c>STOKER_OLLAMA_REGISTRY</c>; ends with a slash.</summary>
    public Uri OllamaRegistry { get; init; } = DefaultOllamaRegistry;

    /// <summary><c>HTTPS_PROXY</c> or <c>ALL_PROXY</c>, or null. Loopback is never reached through it.</summary>
    public Uri? Proxy { get; init; }

    /// <summary><c>NO_PROXY</c>: hosts and domain endings, separated by commas, or null.</summary>
    public string? NoProxy { get; init; }

    /// <summary>A PEM file with certificate authorities that are trusted besides the system's, or null.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>STOKER_OFFLINE</c>: every host but loopback is refused.</summary>
    public bool Offline { get; init; }

    /// <summary>Where short names are looked for, in order.</summary>
    public IReadOnlyList<ModelSourceKind> SourceOrder { get; init; } = [ModelSourceKind.HuggingFace, ModelSourceKind.Ollama];

    /// <summary>Bytes are refused when they are not this (<c>--sha256</c>), for a single file; or null.</summary>
    public Digest? ExpectedDigest { get; init; }

    /// <summary>Reads the caller's environment. The token file of <c>HF_HOME</c> is read, when there is one, up to 4 kB.</summary>
    /// <param name="read">Gives a variable's value or null.</param>
    /// <exception cref="StokerException">InvalidInput: a value that means nothing, with its name.</exception>
    public static SourceAccess FromEnvironment(Func<string, string?> read)
    {
        string? Get(string name) => read(name) is { Length: > 0 } value ? value : null;
        var proxy = Get("HTTPS_PROXY") ?? Get("https_proxy") ?? Get("ALL_PROXY") ?? Get("all_proxy");
        return new SourceAccess
        {
            HuggingFaceEndpoint = Get("HF_ENDPOINT") is { } hub ? ParseEndpoint(hub, "HF_ENDPOINT") : DefaultHuggingFace,
            HuggingFaceToken = Get("HF_TOKEN")?.Trim() ?? ReadTokenFile(Get),
            OllamaRegistry = Get("STOKER_OLLAMA_REGISTRY") is { } registry ? ParseEndpoint(registry, "STOKER_OLLAMA_REGISTRY") : DefaultOllamaRegistry,
            Proxy = proxy is null ? null : ParseProxy(proxy),
            NoProxy = Get("NO_PROXY") ?? Get("no_proxy"),
            CaFile = Get("STOKER_CA_FILE") ?? Get("SSL_CERT_FILE"),
            Offline = Get("STOKER_OFFLINE") is { } offline && offline is not ("0" or "false" or "no"),
        };
    }

    /// <summary>An endpoint: https, or http to this machine.</summary>
    /// <param name="text">As set.</param>
    /// <param name="setting">Named in the message.</param>
    public static Uri ParseEndpoint(string text, string setting)
    {
        if (!Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out var address) || address.Host.Length == 0
            || (address.Scheme != Uri.UriSchemeHttps && address.Scheme != Uri.UriSchemeHttp))
            throw new StokerException(ErrorKind.InvalidInput, $"{setting} is '{Printable.Short(text)}', which is not a web address.");
        if (address.UserInfo.Length > 0)
            throw new StokerException(ErrorKind.InvalidInput, $"{setting} holds a user name or password; tokens are given apart.");
        if (address.Query.Length > 0 || address.Fragment.Length > 0)
            throw new StokerException(ErrorKind.InvalidInput, $"{setting} is '{Printable.Short(text)}': an endpoint has no query.");
        var isLoopback = address.Host is "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
        if (address.Scheme == Uri.UriSchemeHttp && !isLoopback)
            throw new StokerException(ErrorKind.InvalidInput, $"{setting} is '{Printable.Short(text)}': plain http is for this machine only; use https.");
        return address;
    }

    /// <summary>A proxy's address, with a user name and password where it wants them.</summary>
    public static Uri ParseProxy(string text)
    {
        var whole = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        return Uri.TryCreate(whole, UriKind.Absolute, out var proxy) && proxy.Host.Length > 0 && proxy.Scheme is "http" or "https" or "socks4" or "socks4a" or "socks5"
            ? proxy
            : throw new StokerException(ErrorKind.InvalidInput, "The proxy's address (HTTPS_PROXY, ALL_PROXY) is not understood: expected http://host:port.");
    }

    /// <summary>No secret leaves through a log.</summary>
    public override string ToString() => $"access({HuggingFaceEndpoint.Host}, {OllamaRegistry.Host}{(Offline ? ", offline" : "")})";

    private static string? ReadTokenFile(Func<string, string?> get)
    {
        var home = get("HF_HOME") ?? (get("HOME") is { } user ? Path.Combine(user, ".cache", "huggingface") : null);
        var path = get("HF_TOKEN_PATH") ?? (home is null ? null : Path.Combine(home, "token"));
        if (path is null) return null;
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists || file.Length > 4096) return null;
            var token = File.ReadAllText(path).Trim();
            return token.Length > 0 && token.All(static c => c is > ' ' and < (char)127) ? token : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
