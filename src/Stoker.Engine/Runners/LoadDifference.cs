using System.Globalization;
using Stoker.Engine.Protocol;
using Stoker.Native.Llama;

namespace Stoker.Engine.Runners;

/// <summary>In what a loaded model is not as it is asked for, in the words of the command line. Pure.</summary>
internal static class LoadDifference
{
    /// <param name="loaded">What it was loaded with.</param>
    /// <param name="report">What became of that: who asks for what is there anyway asks for nothing else.</param>
    /// <param name="asked">What it is to be loaded with.</param>
    public static IEnumerable<string> Of(LoadOptions loaded, LoadedReport report, LoadOptions asked)
    {
        string?[] all =
        [
            Number("--ctx", loaded.ContextTokens, asked.ContextTokens, report.ContextTokens),
            Number("--threads", loaded.Threads, asked.Threads, report.Threads),
            Number("--parallel", loaded.Parallel, asked.Parallel, report.Slots),
            Where(loaded.Kv ?? KvMode.Auto, asked.Kv ?? KvMode.Auto, report.KvMode),
            Word("--kv-type", KvTypeWord.Of($"{loaded.KvType ?? KvType.F16}"), KvTypeWord.Of($"{asked.KvType ?? KvType.F16}")),
            Number("--kv-window", loaded.KvWindowTokens, asked.KvWindowTokens, null),
            Word("--repack", Repack(loaded.Repack), Repack(asked.Repack)),
            Number("--ngl", loaded.GpuLayers, asked.GpuLayers, null),
            Word("--durability", Durability(loaded.SyncSessions), Durability(asked.SyncSessions)),
        ];
        return all.OfType<string>();
    }

    private static string? Number(string flag, int? loaded, int? asked, int? actual) =>
        asked == loaded || (asked is not null && asked == actual) ? null : Word(flag, Text(actual ?? loaded), Text(asked));

    // Files are what auto wants.
    private static string? Where(KvMode loaded, KvMode asked, KvMode actual) =>
        asked == loaded || asked == actual || (asked == KvMode.Auto && actual == KvMode.Ssd) ? null : Word("--kv", Lower(actual), Lower(asked));

    private static string? Word(string flag, string has, string asked) => has == asked ? null : $"{flag} {has}, not {asked}";

    private static string Text(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "the default";

    private static string Lower(KvMode mode) => mode.ToString().ToLowerInvariant();

    private static string Repack(bool? repack) => repack switch { null => "auto", true => "on", false => "off" };

    private static string Durability(bool? sync) => sync == true ? "fsync" : "process";
}
