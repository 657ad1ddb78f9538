using System.Collections.Concurrent;
using FakeHub;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Supply;
using Stoker.Supply.Sources;
using TinyModel;

namespace Stoker.Tests.Supply;

/// <summary>A hub on loopback with a folder of its own, and a supply with a home of its own, that waits little between tries.</summary>
internal sealed class HubHome : IAsyncDisposable
{
    private readonly TempFolder _root = new();
    private readonly TempFolder _home = new();
    private readonly TempFolder _program = new();

    private HubHome()
    {
        Directory.CreateDirectory(_program.File("models"));
        File.WriteAllText(_program.File("models/short-names.json"), """{"models":{"small:1":{"huggingFace":"org/small:Q4_0","ollama":"small:1"}}}""");
    }

    internal FakeHubServer Hub { get; private set; } = null!;
    internal ModelSupply Supply { get; private set; } = null!;
    internal string Home => _home.Path;
    internal TempFolder Scratch { get; } = new();
    internal SourceOptions Sources { get; } = new()
    {
        IdleTimeout = TimeSpan.FromSeconds(20),
        Retry = new RetryPolicy { FirstDelay = TimeSpan.FromMilliseconds(5) },
        Random = new Random(1),
    };

    internal SourceAccess Access { get; private set; } = null!;

    internal static async Task<HubHome> StartAsync(Func<FakeHubOptions, FakeHubOptions>? hub = null, Func<SourceOptions, SourceOptions>? sources = null)
    {
        var made = new HubHome();
        var options = new FakeHubOptions { Root = made._root.Path };
        made.Hub = await FakeHubServer.StartAsync(hub?.Invoke(options) ?? options);
        made.Access = new SourceAccess
        {
            HuggingFaceEndpoint = SourceAccess.ParseEndpoint(made.Hub.Url, "HF_ENDPOINT"),
            OllamaRegistry = SourceAccess.ParseEndpoint(made.Hub.Url, "STOKER_OLLAMA_REGISTRY"),
            Offline = true,
        };
        made.Supply = made.NewSupply(sources?.Invoke(made.Sources) ?? made.Sources);
        return made;
    }

    /// <summary>Another process's view of the same home.</summary>
    internal ModelSupply NewSupply(SourceOptions? sources = null) =>
        new(new SupplyOptions { Home = Home, ProgramFolder = _program.Path, Sources = sources ?? Sources });

    /// <summary>A small random model on disk.</summary>
    internal IReadOnlyList<string> Model(string name, int seed = 1, int parts = 1) =>
        RandomModel.Write(Scratch.File(name), new RandomModelOptions { Shape = "tiny", Seed = seed, Parts = parts });

    internal Task<ModelManifest> PullAsync(string reference, IProgress<StageProgress>? progress = null, SourceAccess? access = null, CancellationToken cancellationToken = default) =>
        Supply.PullAsync(ModelReference.Parse(reference, ReferencePlaces.Nowhere), access ?? Access, progress ?? new Reports(), cancellationToken);

    /// <summary>Asserts that the pulled weights are these files, byte for byte.</summary>
    internal async Task AssertHoldsAsync(ModelManifest manifest, params IReadOnlyList<string> originals)
    {
        using var lease = await Supply.HoldAsync(manifest, CancellationToken.None);
        Assert.Equal(originals.Count, lease.WeightPaths.Count);
        foreach (var (original, held) in originals.Zip(lease.WeightPaths))
            Assert.True(File.ReadAllBytes(original).AsSpan().SequenceEqual(File.ReadAllBytes(held)), $"{held} differs from {original}");
    }

    internal IReadOnlyList<string> PartialFiles() =>
        Directory.Exists(Path.Combine(Home, "partial")) ? Directory.GetFiles(Path.Combine(Home, "partial")) : [];

    internal IReadOnlyList<string> BlobFiles() =>
        Directory.Exists(Path.Combine(Home, "blobs")) ? Directory.GetFiles(Path.Combine(Home, "blobs"), "*", SearchOption.AllDirectories) : [];

    public async ValueTask DisposeAsync()
    {
        Supply.Dispose();
        await Hub.DisposeAsync();
        _root.Dispose();
        _home.Dispose();
        _program.Dispose();
        Scratch.Dispose();
    }
}

/// <summary>Keeps every report.</summary>
internal sealed class Reports : IProgress<StageProgress>
{
    private readonly ConcurrentQueue<StageProgress> _all = new();

    internal IReadOnlyList<StageProgress> All => [.. _all];

    public void Report(StageProgress value) => _all.Enqueue(value);
}
