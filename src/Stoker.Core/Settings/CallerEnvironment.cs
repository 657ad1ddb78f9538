using Stoker.Core.Errors;

namespace Stoker.Core.Settings;

/// <summary>
/// What the person who typed the command has in their environment: hub endpoints, tokens, proxies. It travels with a job over the
/// Unix socket and lives in memory for that job alone: never in configuration, journal, argv or log.
/// </summary>
public sealed record CallerEnvironment
{
    /// <summary>Names that are taken from the caller, and taken out of a daemon's environment when a command starts one.</summary>
    public static IReadOnlyList<string> Variables { get; } =
    [
        "HF_ENDPOINT", "STOKER_OLLAMA_REGISTRY", "STOKER_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS",
        "STOKER_CA_FILE", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
        .. S3Access.Variables,
    ];

    // Where Ollama's installer puts the models of the service that it makes.
    private const string OllamaService = "/usr/share/ollama/.ollama/models";

    public static CallerEnvironment Empty { get; } = new();

    /// <summary>Address of the Hugging Face hub, or null for the public one (<c>HF_ENDPOINT</c>).</summary>
    public string? HuggingFaceEndpoint { get; init; }

    /// <summary>Address of the Ollama registry, or null for the public one (<c>STOKER_OLLAMA_REGISTRY</c>).</summary>
    public string? OllamaRegistry { get; init; }

    /// <summary>True: any host but those two and loopback is refused (<c>STOKER_OFFLINE=1</c>).</summary>
    public bool Offline { get; init; }

    /// <summary>Token for the Hugging Face hub, from <c>HF_TOKEN</c> or the token file, or null.</summary>
    public string? HuggingFaceToken { get; init; }

    /// <summary>The hub's cache folder on this machine (<c>HF_HOME</c>), absolute, or null.</summary>
    public string? HuggingFaceHome { get; init; }

    /// <summary>Proxy for hubs, or null.</summary>
    public string? Proxy { get; init; }

    /// <summary>Hosts that go without a proxy, separated by commas, or null.</summary>
    public string? NoProxy { get; init; }

    /// <summary>A PEM file with certificate authorities that are trusted besides the system's, absolute, or null (<c>STOKER_CA_FILE</c>).</summary>
    public string? CaFile { get; init; }

    /// <summary>Folder in which Ollama keeps its models on this machine (<c>OLLAMA_MODELS</c>, <c>~/.ollama/models</c>, a service's), absolute, or null.</summary>
    public string? OllamaModels { get; init; }

    /// <summary>Folder in which Hugging Face's clients keep what they fetched (<c>HF_HUB_CACHE</c>, <c>HF_HOME/hub</c>), absolute, or null.</summary>
    public string? HuggingFaceCache { get; init; }

    /// <summary>Keys and endpoint of S3.</summary>
    public S3Access S3 { get; init; } = new();

    /// <summary>Reads variables, and the token file that they point at (the caller may read it where the daemon may not).</summary>
    public static CallerEnvironment Read(IReadOnlyDictionary<string, string> environment)
    {
        string? Get(params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                if (environment.GetValueOrDefault(name) is { Length: > 0 } value) return value;
            }
            return null;
        }

        return new CallerEnvironment
        {
            HuggingFaceEndpoint = Get("HF_ENDPOINT"),
            OllamaRegistry = Get("STOKER_OLLAMA_REGISTRY"),
            Offline = IsOn(Get("STOKER_OFFLINE")),
            HuggingFaceToken = Get("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")?.Trim() ?? ReadTokenFile(environment),
            HuggingFaceHome = Get("HF_HOME") is { } home ? Path.GetFullPath(home) : null,
            // Hubs speak HTTPS, so its proxy comes first; lower case before upper case, as curl does.
            Proxy = Get("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
            NoProxy = Get("no_proxy", "NO_PROXY"),
            OllamaModels = Existing(Get("OLLAMA_MODELS") ?? (Get("HOME") is { } own ? Path.Combine(own, ".ollama", "models") : null)) ?? Existing(OllamaService),
            HuggingFaceCache = Existing(Get("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? (HuggingFaceFolder(environment) is { } hub ? Path.Combine(hub, "hub") : null)),
            S3 = S3Access.Read(name => Get(name)),
            CaFile = Get("STOKER_CA_FILE", "SSL_CERT_FILE") is { } authorities ? Path.GetFullPath(authorities) : null,
        };
    }

    /// <summary>Shows that there is a token, never which.</summary>
    public override string ToString() =>
        $"CallerEnvironment {{ HuggingFaceEndpoint = {HuggingFaceEndpoint}, OllamaRegistry = {OllamaRegistry}, Offline = {Offline}, HuggingFaceToken = {(HuggingFaceToken is null ? "none" : "set")} }}";

    private static bool IsOn(string? value) => value is not (null or "0" or "false" or "no" or "off");

    private static string? ReadTokenFile(IReadOnlyDictionary<string, string> environment)
    {
        if (TokenFile(environment) is not { } path) return null;
        try
        {
            using var reader = new StreamReader(path);
            var buffer = new char[4096];
            var token = new string(buffer, 0, reader.ReadBlock(buffer)).Trim();
            return token.Length is > 0 and < 4096 ? token : null;
        }
        catch (Exception absent) when (absent is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"The token file {path} cannot be read: {problem.Message}", problem);
        }
    }

    private static string? TokenFile(IReadOnlyDictionary<string, string> environment)
    {
        if (environment.GetValueOrDefault("HF_TOKEN_PATH") is { Length: > 0 } path) return path;
        return HuggingFaceFolder(environment) is { } folder ? Path.Combine(folder, "token") : null;
    }

    private static string? HuggingFaceFolder(IReadOnlyDictionary<string, string> environment)
    {
        if (environment.GetValueOrDefault("HF_HOME") is { Length: > 0 } home) return home;
        if (environment.GetValueOrDefault("XDG_CACHE_HOME") is { Length: > 0 } cache) return Path.Combine(cache, "huggingface");
        return environment.GetValueOrDefault("HOME") is { Length: > 0 } user ? Path.Combine(user, ".cache", "huggingface") : null;
    }

    private static string? Existing(string? folder) => folder is not null && Directory.Exists(folder) ? Path.GetFullPath(folder) : null;
}
