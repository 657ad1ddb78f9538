using System.Security.Cryptography;
using System.Text.RegularExpressions;
using FakeHub;

namespace Stoker.Scenarios.Fetch;

/// <summary>A hub with one file, and homes into which the built program fetches it.</summary>
internal sealed partial class FetchLab : IAsyncDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stk-hub-");

    private FetchLab(FakeHubServer hub, byte[] content)
    {
        Hub = hub;
        Content = content;
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
    }

    internal FakeHubServer Hub { get; }
    internal byte[] Content { get; }
    internal string Sha256 { get; }
    internal string Url => $"{Hub.Url}files/f.bin";

    internal static async Task<FetchLab> StartAsync(int bytes, Func<FakeHubOptions, FakeHubOptions>? configure = null)
    {
        var root = Directory.CreateTempSubdirectory("stk-hub-");
        var content = new byte[bytes];
        new Random(bytes).NextBytes(content);
        Directory.CreateDirectory(Path.Combine(root.FullName, "files"));
        await File.WriteAllBytesAsync(Path.Combine(root.FullName, "files/f.bin"), content);
        var options = new FakeHubOptions { Root = root.FullName };
        var lab = new FetchLab(await FakeHubServer.StartAsync(configure?.Invoke(options) ?? options), content);
        lab._root.Delete();
        lab.Root = root;
        return lab;
    }

    private DirectoryInfo Root { get; set; } = null!;

    /// <summary>Other bytes at the same address from now on.</summary>
    internal void Replace(byte[] content)
    {
        var path = Path.Combine(Root.FullName, "files/f.bin");
        File.WriteAllBytes(path + ".new", content);
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>The command line after <c>stoker</c>.</summary>
    internal string[] Fetch(string outPath, params string[] more) => ["fetch", "--url", Url, "--out", outPath, "--workers", "2", .. more];

    /// <summary>No file lies under a digest name that is not its own; that is so at every moment.</summary>
    internal static void AssertBlobsAreSound(string home)
    {
        var blobs = Path.Combine(home, "blobs", "sha256");
        if (!Directory.Exists(blobs)) return;
        foreach (var path in Directory.GetFiles(blobs, "*", SearchOption.AllDirectories))
        {
            using var stream = File.OpenRead(path);
            Assert.Equal(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(stream)));
        }
    }

    /// <summary>The file is there, whole, and nothing half-done is left in the home.</summary>
    internal void AssertComplete(string home, string outPath)
    {
        Assert.True(File.ReadAllBytes(outPath).AsSpan().SequenceEqual(Content), $"{outPath} is not what the origin has");
        AssertBlobsAreSound(home);
        Assert.Empty(Directory.GetFiles(Path.Combine(home, "partial")));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(outPath)!));
    }

    /// <summary>Every call of <c>faultcall count</c> with its whole path, in order.</summary>
    internal static IReadOnlyList<(string Call, string Path)> CallsAndPaths(string said) =>
        [.. Line().Matches(said).Select(static match => (match.Groups[2].Value, match.Groups[3].Value))];

    /// <summary>The numbered calls of <c>faultcall count</c>, as numbers and names.</summary>
    internal static IReadOnlyList<(int Number, string Call)> Calls(string said) =>
        [.. Line().Matches(said).Select(static match => (int.Parse(match.Groups[1].Value), match.Groups[2].Value + " " + Suffix(match.Groups[3].Value)))];

    private static string Suffix(string path) => Path.GetFileName(path) is var name && Digits().Replace(name, "…") is var plain ? plain : "";

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        Root.Delete(recursive: true);
    }

    [GeneratedRegex(@"^(\d+) (\w+) (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex("[0-9a-f]{2,}")]
    private static partial Regex Digits();
}
