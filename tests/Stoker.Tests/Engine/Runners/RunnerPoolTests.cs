using Stoker.Core.Models;
using Stoker.Engine.Runners;

namespace Stoker.Tests.Engine.Runners;

public sealed class RunnerPoolTests
{
    [Fact]
    public async Task NoteCrash_WithNothingLoaded_IsLoggedUnderTheModelsName()
    {
        var lines = new List<(string Model, string Line)>();
        var options = new RunnerPoolOptions
        {
            Start = new RunnerStart { Program = "/nowhere", RunFolder = "/nowhere" },
            Log = (model, line) => lines.Add((model, line)),
        };
        await using var pool = new RunnerPool(options, TimeProvider.System);
        pool.NoteCrash(new ModelManifest { Name = "hf:org/a:Q4_0", Source = ModelSourceKind.HuggingFace, Files = [] }, "signal 9");
        Assert.Empty(pool.List());
        Assert.Equal(("hf:org/a:Q4_0", "signal 9"), Assert.Single(lines));
    }
}
