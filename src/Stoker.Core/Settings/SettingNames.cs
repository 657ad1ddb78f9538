using System.Globalization;

namespace Stoker.Core.Settings;

/// <summary>The one table of settings: flag, variable, JSON key, default and meaning of each, so that they cannot drift.</summary>
public static class SettingNames
{
    public static Setting Home { get; } = new()
    {
        Key = "home", Flag = "--home", Variable = "STOKER_HOME", Kind = SettingKind.Text, Property = nameof(StokerOptions.Home),
        DefaultText = "~/.stoker", Doc = "Folder that holds models, logs and the daemon's socket.", InFile = false,
        Apply = static (options, texts) => options with { Home = Path.GetFullPath(SettingText.Single(texts)) },
        Show = static options => [options.Home],
    };

    public static Setting Host { get; } = new()
    {
        Key = "host", Flag = "--host", Variable = "STOKER_HOST", Kind = SettingKind.Text, Property = nameof(StokerOptions.Host),
        DefaultText = "127.0.0.1", Doc = "Address of the HTTP API. Another than loopback needs an API key.",
        Apply = static (options, texts) => options with { Host = SettingText.Single(texts).Trim() },
        Show = static options => [options.Host],
        ExtraCheck = static options => Uri.CheckHostName(options.Host.Trim('[', ']')) == UriHostNameType.Unknown
            ? $"'{Errors.Printable.Short(options.Host)}' is neither an address nor a host name."
            : null,
    };

    public static Setting Port { get; } = new()
    {
        Key = "port", Flag = "--port", Variable = "STOKER_PORT", Kind = SettingKind.Number, Property = nameof(StokerOptions.Port),
        DefaultText = "5050", Doc = "Port of the HTTP API; 0 takes any free one.",
        Apply = static (options, texts) => options with { Port = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => [Text(options.Port)],
    };

    public static Setting ApiKeys { get; } = new()
    {
        Key = "api_keys", Flag = "--api-key", Variable = "STOKER_API_KEY", Kind = SettingKind.List, Property = nameof(StokerOptions.ApiKeys),
        DefaultText = "none", Doc = "Keys for the HTTP API; with one set, every call over TCP needs one. Prefer the variable or the file: flags are seen by others.",
        IsSecret = true,
        Apply = static (options, texts) => options with { ApiKeys = SettingText.ParseList(texts) },
        Show = static options => options.ApiKeys,
        ExtraCheck = static options => options.ApiKeys.Any(static key => key.Length < 8 || key.Any(static letter => letter is <= ' ' or > '~'))
            ? "a key needs at least 8 printable ASCII characters without spaces."
            : null,
    };

    public static Setting AllowedHosts { get; } = new()
    {
        Key = "allow_hosts", Flag = "--allow-host", Variable = "STOKER_ALLOW_HOST", Kind = SettingKind.List, Property = nameof(StokerOptions.AllowedHosts),
        DefaultText = "none", Doc = "Names in the Host header that the HTTP API accepts beside loopback's.",
        Apply = static (options, texts) => options with { AllowedHosts = SettingText.ParseList(texts) },
        Show = static options => options.AllowedHosts,
    };

    public static Setting AllowedOrigins { get; } = new()
    {
        Key = "allow_origins", Flag = "--allow-origin", Variable = "STOKER_ALLOW_ORIGIN", Kind = SettingKind.List, Property = nameof(StokerOptions.AllowedOrigins),
        DefaultText = "none", Doc = "Origins of web pages that may call the HTTP API, e.g. https://chat.example.",
        Apply = static (options, texts) => options with { AllowedOrigins = SettingText.ParseList(texts) },
        Show = static options => options.AllowedOrigins,
        ExtraCheck = static options => options.AllowedOrigins.FirstOrDefault(static origin => !IsOrigin(origin)) is { } wrong
            ? $"'{Errors.Printable.Short(wrong)}' is not an origin: write scheme, host and port only, e.g. https://chat.example."
            : null,
    };

    public static Setting KeepAlive { get; } = new()
    {
        Key = "keep_alive", Flag = "--keep-alive", Variable = "STOKER_KEEP_ALIVE", Kind = SettingKind.Duration, Property = nameof(StokerOptions.KeepAlive),
        DefaultText = "5m", Doc = "How long a model stays loaded after its last answer; 0: not at all, -1: for ever.",
        Apply = static (options, texts) => options with { KeepAlive = SettingText.ParseDuration(SettingText.Single(texts)) },
        Show = static options => [SettingText.Duration(options.KeepAlive)],
    };

    public static Setting ContextTokens { get; } = new()
    {
        Key = "ctx", Flag = "--ctx", Variable = "STOKER_CTX", Kind = SettingKind.Number, Property = nameof(StokerOptions.ContextTokens),
        DefaultText = "min(trained, 8192)", Doc = "Context of a model in tokens.",
        Apply = static (options, texts) => options with { ContextTokens = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => options.ContextTokens is { } tokens ? [Text(tokens)] : [],
    };

    public static Setting Threads { get; } = new()
    {
        Key = "threads", Flag = "--threads", Variable = "STOKER_THREADS", Kind = SettingKind.Number, Property = nameof(StokerOptions.Threads),
        DefaultText = "physical cores", Doc = "Threads that decode; never more than there are processors for this process.",
        Apply = static (options, texts) => options with { Threads = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => options.Threads is { } threads ? [Text(threads)] : [],
    };

    public static Setting Parallel { get; } = new()
    {
        Key = "parallel", Flag = "--parallel", Variable = "STOKER_PARALLEL", Kind = SettingKind.Number, Property = nameof(StokerOptions.Parallel),
        DefaultText = "4, fewer where memory is short", Doc = "Conversations that a model answers side by side, each with the whole context.",
        Apply = static (options, texts) => options with { Parallel = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => options.Parallel is { } slots ? [Text(slots)] : [],
    };

    public static Setting Kv { get; } = new()
    {
        Key = "kv", Flag = "--kv", Variable = "STOKER_KV", Kind = SettingKind.Text, Property = nameof(StokerOptions.Kv),
        DefaultText = "auto", Doc = "Where the KV cells of conversations lie: ssd (files), ram, or auto: files where that works.",
        Apply = static (options, texts) => options with { Kv = SettingText.Choice(texts, "auto", "ssd", "ram") },
        Show = static options => [options.Kv],
    };

    public static Setting KvType { get; } = new()
    {
        Key = "kv_type", Flag = "--kv-type", Variable = "STOKER_KV_TYPE", Kind = SettingKind.Text, Property = nameof(StokerOptions.KvType),
        DefaultText = "f16", Doc = "Type of keys and values: f32, f16, bf16, q8_0 or q4_0.",
        Apply = static (options, texts) => options with { KvType = SettingText.Choice(texts, "f32", "f16", "bf16", "q8_0", "q4_0") },
        Show = static options => [options.KvType],
    };

    public static Setting KvWindow { get; } = new()
    {
        Key = "kv_window", Flag = "--kv-window", Variable = "STOKER_KV_WINDOW", Kind = SettingKind.Number, Property = nameof(StokerOptions.KvWindowTokens),
        DefaultText = "as the kernel likes", Doc = "Tokens of a conversation whose cells stay in the runner's memory between tokens; older ones are left to the page cache and mapped again for each: slower the longer it is.",
        Apply = static (options, texts) => options with { KvWindowTokens = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => options.KvWindowTokens is { } tokens ? [Text(tokens)] : [],
    };

    public static Setting Repack { get; } = new()
    {
        Key = "repack", Flag = "--repack", Variable = "STOKER_REPACK", Kind = SettingKind.Text, Property = nameof(StokerOptions.Repack),
        DefaultText = "auto", Doc = "Copy weights into this processor's favourite order: faster prompts, more private memory. on, off, or auto: as llama.cpp decides.",
        Apply = static (options, texts) => options with { Repack = SettingText.Choice(texts, "auto", "on", "off") },
        Show = static options => [options.Repack],
    };

    public static Setting GpuLayers { get; } = new()
    {
        Key = "ngl", Flag = "--ngl", Variable = "STOKER_NGL", Kind = SettingKind.Number, Property = nameof(StokerOptions.GpuLayers),
        DefaultText = "as llama.cpp decides", Doc = "Layers on a GPU, where the libraries have one; their KV lies there too.",
        Apply = static (options, texts) => options with { GpuLayers = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => options.GpuLayers is { } layers ? [Text(layers)] : [],
    };

    public static Setting Durability { get; } = new()
    {
        Key = "durability", Flag = "--durability", Variable = "STOKER_DURABILITY", Kind = SettingKind.Text, Property = nameof(StokerOptions.Durability),
        DefaultText = "process", Doc = "What snapshots of sessions survive: process (the end of any process), or fsync (power loss too, slower).",
        Apply = static (options, texts) => options with { Durability = SettingText.Choice(texts, "process", "fsync") },
        Show = static options => [options.Durability],
    };

    public static Setting LlamaDirectory { get; } = new()
    {
        Key = "llama_dir", Flag = "--llama-dir", Variable = "STOKER_LLAMA_DIR", Kind = SettingKind.Text, Property = nameof(StokerOptions.LlamaDirectory),
        DefaultText = "beside the program", Doc = "Folder of the llama.cpp libraries.",
        Apply = static (options, texts) => options with { LlamaDirectory = Path.GetFullPath(SettingText.Single(texts)) },
        Show = static options => options.LlamaDirectory is { } folder ? [folder] : [],
    };

    public static Setting SourceOrder { get; } = new()
    {
        Key = "sources", Flag = "--sources", Variable = "STOKER_SOURCES", Kind = SettingKind.List, Property = nameof(StokerOptions.SourceOrder),
        DefaultText = "huggingface,ollama", Doc = "Where short names like qwen2.5:0.5b are looked for, in order.",
        Apply = static (options, texts) => options with { SourceOrder = SettingText.ParseList(texts) },
        Show = static options => options.SourceOrder,
        ExtraCheck = static options => options.SourceOrder.FirstOrDefault(static source => source is not ("huggingface" or "ollama")) is { } wrong
            ? $"'{Errors.Printable.Short(wrong)}' is not a source: write huggingface, ollama or both."
            : null,
    };

    public static Setting FetchMaxRate { get; } = new()
    {
        Key = "fetch.maxRate", Flag = "--fetch-max-rate", Variable = "STOKER_FETCH_MAX_RATE", Kind = SettingKind.Size, Property = nameof(StokerOptions.FetchMaxRate),
        DefaultText = "no limit", Doc = "Bytes a second that all downloads share, e.g. 20MB.",
        Apply = static (options, texts) => options with { FetchMaxRate = SettingText.ParseSize(SettingText.Single(texts)) },
        Show = static options => options.FetchMaxRate is { } rate ? [SettingText.Size(rate)] : [],
    };

    public static Setting FetchMaxConnections { get; } = new()
    {
        Key = "fetch.maxConnections", Flag = "--fetch-max-connections", Variable = "STOKER_FETCH_MAX_CONNECTIONS", Kind = SettingKind.Number, Property = nameof(StokerOptions.FetchMaxConnections),
        DefaultText = "64", Doc = "Connections that receive at once, of all downloads together.",
        Apply = static (options, texts) => options with { FetchMaxConnections = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => [Text(options.FetchMaxConnections)],
    };

    public static Setting FetchAllow { get; } = new()
    {
        Key = "fetch.allow", Flag = "--fetch-allow", Variable = "STOKER_FETCH_ALLOW", Kind = SettingKind.List, Property = nameof(StokerOptions.FetchAllow),
        DefaultText = "none", Doc = "Private hosts, addresses and networks (10.0.0.0/8) that a redirect may lead to.",
        Apply = static (options, texts) => options with { FetchAllow = SettingText.ParseList(texts) },
        Show = static options => options.FetchAllow,
        ExtraCheck = static options => options.FetchAllow.FirstOrDefault(static place => !IsPlace(place)) is { } wrong
            ? $"'{Errors.Printable.Short(wrong)}' is neither a host name nor an address nor a network like 10.0.0.0/8."
            : null,
    };

    public static Setting Quota { get; } = new()
    {
        Key = "store.quota", Flag = "--store-quota", Variable = "STOKER_STORE_QUOTA", Kind = SettingKind.Size, Property = nameof(StokerOptions.QuotaBytes),
        DefaultText = "what the disk has", Doc = "Most that models and downloads may take; what no model needs goes first.",
        Apply = static (options, texts) => options with { QuotaBytes = SettingText.ParseSize(SettingText.Single(texts)) },
        Show = static options => options.QuotaBytes is { } bytes ? [SettingText.Size(bytes)] : [],
    };

    public static Setting MaxBody { get; } = new()
    {
        Key = "max_body", Flag = "--max-body", Variable = "STOKER_MAX_BODY", Kind = SettingKind.Size, Property = nameof(StokerOptions.MaxBodyBytes),
        DefaultText = "16MiB", Doc = "Largest body that an HTTP request may have.",
        Apply = static (options, texts) => options with { MaxBodyBytes = SettingText.ParseSize(SettingText.Single(texts)) },
        Show = static options => [SettingText.Size(options.MaxBodyBytes)],
    };

    public static Setting QueueLength { get; } = new()
    {
        Key = "queue", Flag = "--queue", Variable = "STOKER_QUEUE", Kind = SettingKind.Number, Property = nameof(StokerOptions.QueueLength),
        DefaultText = "64", Doc = "Requests that may wait for a model; more are answered 503.",
        Apply = static (options, texts) => options with { QueueLength = SettingText.ParseNumber(SettingText.Single(texts)) },
        Show = static options => [Text(options.QueueLength)],
    };

    public static Setting SessionsQuota { get; } = new()
    {
        Key = "sessions.quota", Flag = "--sessions-quota", Variable = "STOKER_SESSIONS_QUOTA", Kind = SettingKind.Size, Property = nameof(StokerOptions.SessionsQuotaBytes),
        DefaultText = "what the disk has", Doc = "Disk space for kept conversations. Named ones are never removed for it; those of the prompt cache are.",
        Apply = static (options, texts) => options with { SessionsQuotaBytes = SettingText.ParseSize(SettingText.Single(texts)) },
        Show = static options => options.SessionsQuotaBytes is { } bytes ? [SettingText.Size(bytes)] : [],
    };

    public static Setting SessionsScrub { get; } = new()
    {
        Key = "sessions.scrub", Flag = "--sessions-scrub", Variable = "STOKER_SESSIONS_SCRUB", Kind = SettingKind.Duration, Property = nameof(StokerOptions.SessionsScrub),
        DefaultText = "7d", Doc = "How often every byte of kept conversations is read and compared with its sum, while nothing else is done; -1: never.",
        Apply = static (options, texts) => options with { SessionsScrub = SettingText.ParseDuration(SettingText.Single(texts)) },
        Show = static options => [SettingText.Duration(options.SessionsScrub)],
    };

    public static Setting PromptCache { get; } = new()
    {
        Key = "kv.promptCache", Flag = "--prompt-cache", Variable = "STOKER_PROMPT_CACHE", Kind = SettingKind.Size, Property = nameof(StokerOptions.PromptCacheBytes),
        DefaultText = "10GiB", Doc = "Disk space for conversations without a name, so that what a prompt begins with is not computed twice, also after a restart; at most half of what is free. off: none.",
        Apply = static (options, texts) => options with { PromptCacheBytes = SettingText.Single(texts).Trim() is "off" ? 0 : SettingText.ParseSize(SettingText.Single(texts)) },
        Show = static options => [options.PromptCacheBytes == 0 ? "off" : SettingText.Size(options.PromptCacheBytes)],
    };

    public static Setting KvIdle { get; } = new()
    {
        Key = "kv.idle", Flag = "--kv-idle", Variable = "STOKER_KV_IDLE", Kind = SettingKind.Duration, Property = nameof(StokerOptions.KvIdle),
        DefaultText = "5m", Doc = "How long a conversation rests before its KV cells leave memory for the disk; -1: the kernel decides.",
        Apply = static (options, texts) => options with { KvIdle = SettingText.ParseDuration(SettingText.Single(texts)) },
        Show = static options => [SettingText.Duration(options.KvIdle)],
    };

    /// <summary>Every setting, in the order they are shown.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        Home, Host, Port, ApiKeys, AllowedHosts, AllowedOrigins, KeepAlive, ContextTokens, Threads, Parallel,
        Kv, KvType, KvWindow, PromptCache, KvIdle, Repack, GpuLayers, Durability, LlamaDirectory, SourceOrder,
        FetchMaxRate, FetchMaxConnections, FetchAllow, Quota, MaxBody, QueueLength,
        SessionsQuota, SessionsScrub,
    ];

    /// <summary>The setting with this JSON key, or null.</summary>
    public static Setting? Find(string key) => All.FirstOrDefault(setting => setting.Key == key);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static bool IsPlace(string text) =>
        text.Contains('/', StringComparison.Ordinal) ? System.Net.IPNetwork.TryParse(text, out _) : Uri.CheckHostName(text.Trim('[', ']')) != UriHostNameType.Unknown;

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase);
}
