using Stoker.Core.Settings;

namespace Stoker.Engine.Runners;

/// <summary>How runner processes are started.</summary>
public sealed record RunnerStart
{
    /// <summary>The executable: this program's own.</summary>
    public required string Program { get; init; }

    /// <summary>Arguments that make it a runner.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = ["runner"];

    /// <summary>Folder of ours for the runners' sockets.</summary>
    public required string RunFolder { get; init; }

    /// <summary>Folder of llama.cpp's libraries, or null: beside the program.</summary>
    public string? LlamaDirectory { get; init; }

    /// <summary>
    /// What a runner's .NET is told: no second GC thread, a small nursery, no profiling tier. Its managed part moves a few
    /// kilobytes a token; everything big is llama.cpp's, but for the states of conversations. And what it is not told: it parses files of strangers, so it gets no key,
    /// no token and no way to a hub (null takes a variable away).
    /// </summary>
    public static IReadOnlyDictionary<string, string?> LeanEnvironment { get; } = new Dictionary<string, string?>(
        CallerEnvironment.Variables.Append(SettingNames.ApiKeys.Variable).Select(static name => KeyValuePair.Create(name, (string?)null)))
    {
        ["DOTNET_gcServer"] = "0",
        ["DOTNET_gcConcurrent"] = "0",
        ["DOTNET_GCgen0size"] = "400000", // hex: 4 MiB; by default as large as the processor's last-level cache
        // Hex: a quarter of the memory, or of the cgroup's. Hybrid models' states, and KV that does not lie in files, are kept in
        // the heap; a defect still ends this process instead of eating the machine.
        ["DOTNET_GCHeapHardLimitPercent"] = "19",
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_EnableDiagnostics"] = "0", // no diagnostics socket, no debugger thread
        ["GGML_NO_BACKTRACE"] = "1", // else a crash starts a debugger and waits for it
        ["GGML_BACKEND_PATH"] = null, // a library of someone else's choice
    };
}
