using System.Net;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Settings;

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
    public string? HuggingFaceToken { get; init => field = CheckToken(value); }

    /// <summary><c>STOKER_OLLAMA_REGISTRY</c>; ends with a slash.</summary>
    public Uri OllamaRegistry { get; init; } = DefaultOllamaRegistry;

    /// <summary>Ollama's folder of models on this machine, or null.</summary>
    public string? OllamaModels { get; init; }

    /// <summary>The cache of Hugging Face's clients on this machine, or null.</summary>
    public string? HuggingFaceCache { get; init; }

    /// <summary>Keys and endpoint of S3.</summary>
    public S3Access S3 { get; init; } = new();

    /// <summary><c>HTTPS_PROXY</c> or <c>ALL_PROXY</c>, or null. Loopback is never reached through it.</summary>
    public Uri? Proxy { get; init; }

    /// <summary><c>NO_PROXY</c>: hosts and domain endings, separated by commas, or null.</summary>
    public string? NoProxy { get; init; }

    /// <summary>A PEM file with certificate authorities that are trusted besides the system's, or null.</summary>
    public string? CaFile { get; init; }

    /// <summary><c>STOKER_OFFLINE</c>: every host but loopback is refused.</summary>
    public bool Offline { get; init; }

    /// <summary>The job's rate, within the rate of all; null: that alone.</summary>
    public TokenBucket? Rate { get; init; }

    /// <summary>False: an address that was fetched before is not asked whether its content changed.</summary>
    public bool Revalidate { get; init; } = true;

    /// <summary>Where short names are looked for, in order.</summary>
    public IReadOnlyList<ModelSourceKind> SourceOrder { get; init; } = [ModelSourceKind.HuggingFace, ModelSourceKind.Ollama];

    /// <summary>Bytes are refused when they are not this (<c>--sha256</c>), for a single file; or null. With it the owner may name plain http.</summary>
    public Digest? ExpectedDigest { get; init; }

    /// <summary>What the caller's environment says, for who has no daemon to send it to.</summary>
    /// <param name="read">Gives a variable's value or null.</param>
    /// <exception cref="StokerException">InvalidInput: a value that means nothing, with its name. Io: a token file that cannot be read.</exception>
    public static SourceAccess FromEnvironment(Func<string, string?> read)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in CallerEnvironment.Variables.Append("HOME").Append("XDG_CACHE_HOME"))
            if (read(name) is { Length: > 0 } value) variables[name] = value;
        var caller = CallerEnvironment.Read(variables);
        return new SourceAccess
        {
            HuggingFaceEndpoint = caller.HuggingFaceEndpoint is { } hub ? ParseEndpoint(hub, "HF_ENDPOINT") : DefaultHuggingFace,
            HuggingFaceToken = caller.HuggingFaceToken,
            OllamaRegistry = caller.OllamaRegistry is { } registry ? ParseEndpoint(registry, "STOKER_OLLAMA_REGISTRY") : DefaultOllamaRegistry,
            OllamaModels = caller.OllamaModels,
            HuggingFaceCache = caller.HuggingFaceCache,
            S3 = caller.S3,
            Proxy = caller.Proxy is { } proxy ? ParseProxy(proxy) : null,
            NoProxy = caller.NoProxy,
            CaFile = caller.CaFile,
            Offline = caller.Offline,
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

    // It goes into a header: a line end in it would be another header.
    private static string? CheckToken(string? token)
    {
        if (token is null || (token.Length > 0 && token.All(static c => c is > ' ' and < (char)127))) return token;
        throw new StokerException(ErrorKind.InvalidInput, "The Hugging Face token (HF_TOKEN, or the token file of HF_HOME) is not one: a token has no spaces and no line ends.");
    }
}
