using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Stoker.Core.Settings;

/// <summary>
/// Everything a user can set about the daemon. Made by <see cref="SettingsReader"/> from flags, environment, <c>config.json</c>
/// and the defaults written here; the names of each are in <see cref="SettingNames"/>. Immutable.
/// </summary>
public sealed record StokerOptions
{
    /// <summary>Folder that holds everything. Absolute. Default: <c>~/.stoker</c>.</summary>
    [Required(AllowEmptyStrings = false)]
    public required string Home { get; init; }

    /// <summary>Address of the HTTP API. Anything but loopback needs <see cref="ApiKeys"/>. Default: 127.0.0.1.</summary>
    [Required(AllowEmptyStrings = false)]
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port of the HTTP API; 0 takes any free one. Default: 5050.</summary>
    [Range(0, 65535)]
    public int Port { get; init; } = 5050;

    /// <summary>Keys that the HTTP API accepts; with at least one, every call over TCP needs one. Default: none.</summary>
    [MaxLength(64)]
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Host headers accepted beside loopback names. Default: none.</summary>
    [MaxLength(64)]
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Origins of web pages that may call the API, beside its own. Default: none.</summary>
    [MaxLength(64)]
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>How long a model stays loaded after its last answer. Zero: not at all. Negative: for ever. Default: 5 minutes.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Context of a model in tokens, or null: the smaller of what it was trained for and 8192.</summary>
    [Range(16, 1024 * 1024)]
    public int? ContextTokens { get; init; }

    /// <summary>Threads for decoding, or null: the physical cores that cpuset and quota leave (1 for models under 32 MiB).</summary>
    [Range(1, 1024)]
    public int? Threads { get; init; }

    /// <summary>Conversations side by side, or null: 4, fewer where cells in memory would take too much of it.</summary>
    [Range(1, 64)]
    public int? Parallel { get; init; }

    /// <summary>Where KV cells lie: <c>auto</c>, <c>ssd</c> or <c>ram</c>. Default: auto.</summary>
    public string Kv { get; init; } = "auto";

    /// <summary>Type of keys and values: <c>f32</c>, <c>f16</c>, <c>bf16</c>, <c>q8_0</c>, <c>q4_0</c>. Default: f16.</summary>
    public string KvType { get; init; } = "f16";

    /// <summary>Tokens of a conversation whose cells stay in memory, or null: as many as the kernel likes.</summary>
    [Range(256, 16 * 1024 * 1024)]
    public int? KvWindowTokens { get; init; }

    /// <summary>Whether weights are repacked: <c>auto</c>, <c>on</c> or <c>off</c>. Default: auto.</summary>
    public string Repack { get; init; } = "auto";

    /// <summary>Layers on a GPU, or null: as llama.cpp decides.</summary>
    [Range(0, 100_000)]
    public int? GpuLayers { get; init; }

    /// <summary>What snapshots of sessions survive: <c>process</c> or <c>fsync</c>. Default: process.</summary>
    public string Durability { get; init; } = "process";

    /// <summary>Folder of the llama.cpp libraries, or null: the one beside the program.</summary>
    public string? LlamaDirectory { get; init; }

    /// <summary>Where short names are looked for, in order. Default: huggingface, ollama.</summary>
    [MinLength(1)]
    public IReadOnlyList<string> SourceOrder { get; init; } = ["huggingface", "ollama"];

    /// <summary>Bytes a second that all downloads of the daemon share, or null: no limit.</summary>
    [Range(1024, long.MaxValue)]
    public long? FetchMaxRate { get; init; }

    /// <summary>Connections that receive at once, of all downloads together. Default: 64.</summary>
    [Range(1, 1024)]
    public int FetchMaxConnections { get; init; } = 64;

    /// <summary>Hosts, addresses and networks that a redirect may lead to though they are private. Default: none.</summary>
    [MaxLength(64)]
    public IReadOnlyList<string> FetchAllow { get; init; } = [];

    /// <summary>Most that blobs and partial downloads may take, in bytes, or null: what the disk has.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long? QuotaBytes { get; init; }

    /// <summary>Largest body that an HTTP request may have, in bytes. Default: 16 MiB.</summary>
    [Range(1024, 1L << 30)]
    public long MaxBodyBytes { get; init; } = 16L << 20;

    /// <summary>Requests that may wait for a model; more are told to come back later. Default: 64.</summary>
    [Range(0, 100_000)]
    public int QueueLength { get; init; } = 64;

    /// <summary>Bytes on disk that kept conversations may take, or null: what the disk has. Default: null.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long? SessionsQuotaBytes { get; init; }

    /// <summary>How old the last reading of a kept conversation may become before all of it is read again; negative: any age. Default: 7 days.</summary>
    public TimeSpan SessionsScrub { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Bytes on disk for conversations without a name, so that a prompt which begins like one is not computed again; 0: none. Default: 10 GiB.</summary>
    [Range(0, long.MaxValue)]
    public long PromptCacheBytes { get; init; } = 10L << 30;

    /// <summary>How long a conversation rests before its KV cells leave memory for the disk. Negative: the kernel decides. Default: 5 minutes.</summary>
    public TimeSpan KvIdle { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>All problems at once, each a sentence that names the setting. Empty: valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        foreach (var setting in SettingNames.All)
        {
            if (setting.Check(this) is { } problem) problems.Add($"{setting.Key}: {problem}");
        }
        if (ApiKeys.Count == 0 && !IsLoopback(Host))
            problems.Add($"host: '{Host}' can be reached from other machines, so an API key is needed: set {SettingNames.ApiKeys.Variable} or choose 127.0.0.1.");
        return problems;
    }

    /// <summary>True for <c>localhost</c> and addresses of the loopback interface.</summary>
    public static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Never prints the keys.</summary>
    public override string ToString() => $"StokerOptions {{ Home = {Home}, Host = {Host}, Port = {Port}, ApiKeys = {ApiKeys.Count} }}";
}
