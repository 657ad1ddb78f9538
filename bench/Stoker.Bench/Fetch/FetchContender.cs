namespace Stoker.Bench.Fetch;

/// <summary>One program that brings the file, as it is called.</summary>
/// <param name="Name">In the table.</param>
/// <param name="Program">Its executable.</param>
/// <param name="Arguments">For a destination folder that is empty.</param>
/// <param name="Bars">The origins for which a bar needs it.</param>
internal sealed record FetchContender(string Name, string Program, Func<string, IReadOnlyList<string>> Arguments, string Bars = "");

/// <summary>Who takes part.</summary>
internal static class FetchContenders
{
    public const string Aria = "aria2c -x8 -s8 -k8M";
    public const string AriaVerified = "aria2c -x8 -s8 -k8M --checksum";
    public const string Receiver = "receiver of 8 ranges";
    public const string ReceiverSynced = "receiver of 8 ranges, synced";
    public const string Ours = "stoker fetch --workers 8";

    /// <param name="lab">The origin and its file.</param>
    /// <param name="program">The program under test.</param>
    public static IReadOnlyList<FetchContender> Of(FetchLab lab, string program)
    {
        return
        [
            new(Ours, program, folder => Stoker(folder, "--workers", "8"), Bars: "paced unpaced"),
            new(Aria, "aria2c", folder => Aria2(folder, 8), Bars: "paced unpaced"),
            new("stoker fetch (adaptive)", program, folder => Stoker(folder), Bars: "paced"),
            new(AriaVerified, "aria2c", folder => Aria2(folder, 8, $"--checksum=sha-256={lab.Sha256}"), Bars: "unpaced"),
            new(Receiver, lab.ReceiverProgram, folder => Receive(folder), Bars: "paced"),
            new(ReceiverSynced, lab.ReceiverProgram, folder => Receive(folder, "sync")),
            new("aria2c -x16 -s16 -k8M", "aria2c", folder => Aria2(folder, 16)),
            new("stoker fetch --workers 1", program, folder => Stoker(folder, "--workers", "1")),
            new("curl", "curl", folder => ["-s", "-o", Path.Combine(folder, "f"), lab.Url]),
        ];

        // Each time a store of its own: nothing is here before.
        string[] Stoker(string folder, params string[] more) =>
            ["fetch", "--home", Path.Combine(folder, "home"), "--url", lab.Url, "--out", Path.Combine(folder, "f"), "--sha256", lab.Sha256, .. more];

        string[] Aria2(string folder, int connections, params string[] more) =>
            ["-q", $"-x{connections}", $"-s{connections}", "-k8M", "-d", folder, "-o", "f", .. more, lab.Url];

        string[] Receive(string folder, params string[] more) =>
            [$"{lab.Port}", new Uri(lab.Url).AbsolutePath, Path.Combine(folder, "f"), $"{lab.SizeBytes}", "8", .. more];
    }
}
