using FakeHub;
using Stoker.Core.Formats.Gguf;
using Stoker.Scenarios.Harness;
using TinyModel;

[assembly: AssemblyFixture(typeof(ScenarioHub))]
// Whole programs on two cores: one scenario at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Stoker.Scenarios.Harness;

/// <summary>
/// A hub on loopback that serves small models under the names that people (and README.md) use; shared by all scenarios. The
/// trained model answers; the random one talks without end, for scenarios that need an answer to be under way.
/// </summary>
public sealed class ScenarioHub : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stk-hub-").FullName;
    private FakeHubServer? _server;

    public FakeHubServer Server => _server ?? throw new InvalidOperationException("The hub has not been started.");

    /// <summary>The trained model: has a chat template, ends its answers.</summary>
    public static string TrainedModel => Path.Combine(BuiltProgram.Repository, "models", "tiny", "tiny.gguf");

    /// <summary>Random weights, one file: no chat template, hardly ever an end.</summary>
    public string RandomModelPath => Path.Combine(_folder, "random.gguf");

    /// <summary>The same weights in parts, in order.</summary>
    public IReadOnlyList<string> RandomModelParts { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        RandomModel.Write(RandomModelPath, new RandomModelOptions { Shape = "tiny", Type = GgmlType.Q4_0, Seed = 5 });
        RandomModelParts = RandomModel.Write(Path.Combine(_folder, "split.gguf"), new RandomModelOptions { Shape = "tiny", Type = GgmlType.Q4_0, Seed = 5, Parts = 3 });
        _server = await FakeHubServer.StartAsync(new FakeHubOptions { Root = Directory.CreateDirectory(Path.Combine(_folder, "hub")).FullName });
        var publish = Server.Publisher;
        publish.HuggingFace(
            "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
            ("qwen2.5-0.5b-instruct-q4_k_m.gguf", TrainedModel),
            ("qwen2.5-0.5b-instruct-q8_0.gguf", TrainedModel));
        publish.Ollama("library/qwen2.5:0.5b", TrainedModel, ("params.json", """{"temperature":0.7}"""), ("license", "Apache License\nVersion 2.0"));
        publish.HuggingFace("random/single", ("random-Q4_0.gguf", RandomModelPath));
        publish.HuggingFace("random/split", [.. RandomModelParts.Select((path, index) => ($"random-Q4_0-{index + 1:00000}-of-{RandomModelParts.Count:00000}.gguf", path))]);
        publish.Ollama("library/random:latest", RandomModelPath);
    }

    /// <summary>A home whose commands see this hub as Hugging Face and as Ollama's registry.</summary>
    public StokerHome NewHome()
    {
        Server.Faults.Clear();
        var home = new StokerHome();
        home.Environment["HF_ENDPOINT"] = Server.Url.TrimEnd('/');
        home.Environment["STOKER_OLLAMA_REGISTRY"] = Server.Url.TrimEnd('/');
        return home;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
