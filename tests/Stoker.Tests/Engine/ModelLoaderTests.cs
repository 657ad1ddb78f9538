using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Tests.Engine.Runners;

namespace Stoker.Tests.Engine;

/// <summary>What a loaded model is to the conversations kept with it.</summary>
public sealed class ModelLoaderTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileModelSource _source = new();
    private readonly InferenceEngine _engine;

    public ModelLoaderTests()
    {
        var options = new RunnerPoolOptions { Start = TestModels.Start(_folder), SessionsFolder = _folder.File("sessions"), Load = new LoadOptions { ContextTokens = 256, Threads = 1 } };
        _engine = new InferenceEngine(_source, new MemoryLedger(new SystemMemoryGauge()), options, new ManualTimeProvider());
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task ModelOfTheProgram_InstalledElsewhere_GoesOnInItsConversations()
    {
        Install("old", ModelSourceKind.Builtin);
        await SayAsync("What is a blob?");

        Install("new", ModelSourceKind.Builtin);

        Assert.True(await SayAsync("And a chunk?") > 10, "nothing was kept");
    }

    [Fact]
    public async Task FileOfTheUser_Elsewhere_IsAnotherModel()
    {
        Install("old", ModelSourceKind.File);
        await SayAsync("What is a blob?");

        Install("new", ModelSourceKind.File);

        Assert.Equal(ErrorKind.Conflict, (await Assert.ThrowsAsync<StokerException>(() => SayAsync("And a chunk?"))).Kind);
    }

    [Theory]
    [InlineData(KvMode.Ssd, null, null, 2048, null)]
    [InlineData(KvMode.Ram, null, null, null, null)]
    [InlineData(KvMode.Ram, "x is unwritable", null, null, "KV lies in memory, not in files: x is unwritable")]
    [InlineData(KvMode.Ram, null, "no GPU", 2048, "no GPU; KV lies in memory: --kv-window is without effect")]
    public void Warning_WhatWasWantedAndIsNotSo_IsSaid(KvMode mode, string? kvReason, string? gpuReason, int? window, string? expected)
    {
        var report = new LoadedReport { Description = "", ContextTokens = 1, TrainedContextTokens = 1, Threads = 1, VocabularySize = 1, HasChatTemplate = false, LoadMs = 0, KvMode = mode, KvReason = kvReason, GpuReason = gpuReason };

        Assert.Equal(expected, ModelLoader.WarningOf(new LoadOptions { KvWindowTokens = window }, report));
    }

    [Theory]
    [InlineData(32768, 32768, null, null)]
    [InlineData(1000, 0, null, null)]
    [InlineData(40000, 32768, null, "40000 tokens is larger than the 32768 .*--ctx 32768")]
    [InlineData(8192, 32768, "no GPU", "^no GPU$")]
    [InlineData(40000, 32768, "no GPU", "^no GPU; .*40000")]
    public void Warning_ContextBeyondTheTrainedOne_IsSaid(int context, int trained, string? gpu, string? told)
    {
        var warning = ModelLoader.WarningOf(new LoadOptions(), new LoadedReport
        {
            Description = "", ContextTokens = context, TrainedContextTokens = trained, Threads = 1, VocabularySize = 1, HasChatTemplate = true, LoadMs = 1, GpuReason = gpu,
        });
        if (told is null) Assert.Null(warning);
        else Assert.Matches(told, warning);
    }

    private void Install(string folder, ModelSourceKind kind)
    {
        var path = Path.Combine(Directory.CreateDirectory(_folder.File(folder)).FullName, "m.gguf");
        File.Copy(TestModels.Tiny, path);
        File.SetLastWriteTimeUtc(path, new DateTime(2020, folder == "old" ? 1 : 2, 1, 0, 0, 0, DateTimeKind.Utc));
        _source.Add("m", [path], kind: kind);
    }

    /// <returns>Tokens of the prompt that were not computed again.</returns>
    private async Task<int> SayAsync(string text)
    {
        var request = new GenerationRequest { Messages = [new ChatMessage("user", text)], Session = "s", Append = true, MaxTokens = 4, Sampling = new SamplingOptions { Temperature = 0 } };
        var kept = 0;
        await foreach (var told in _engine.GenerateAsync("m", request, new GenerationContext(CallerTrust.Owner), TestContext.Current.CancellationToken))
        {
            if (told is GenerationStarted started) kept = started.CachedTokens;
        }
        return kept;
    }
}
