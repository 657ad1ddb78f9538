using Stoker.Engine.Protocol;
using Stoker.Engine.Runners;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Tests.Engine.Runners;

/// <summary>Real runner processes whose conversations lie in folders of the test's own, and what they answer.</summary>
internal sealed class RunnerBench : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    /// <summary>The folder of conversations of that name.</summary>
    internal string Sessions(string name) => _folder.File(name);

    internal SessionStore Store(string name) => new(new SessionStoreOptions { Root = Sessions(name) }, TimeProvider.System);

    /// <summary>A runner with the random model of that shape, in files and on one thread if nothing else is said.</summary>
    /// <param name="hear">Told what it says; null: the test's output is.</param>
    internal async Task<Runner> LoadedAsync(string shape, string sessions, Func<LoadCommand, LoadCommand>? change = null, Action<string>? hear = null)
    {
        var runner = await Runner.StartAsync(TestModels.Start(_folder), hear ?? (static line => TestContext.Current.TestOutputHelper?.WriteLine(line)), TimeProvider.System, Ended);
        var command = new LoadCommand
        {
            Paths = [shape == "tiny" ? TestModels.Tiny : TestModels.OfShapeOnce(shape)],
            ContextTokens = 4096,
            Threads = 1,
            Slots = 2,
            Kv = KvMode.Ssd,
            SessionsFolder = Sessions(sessions),
            ModelName = shape,
            ModelDigest = $"test:{shape}",
        };
        command = change?.Invoke(command) ?? command;
        Assert.Equal(command.Kv, (await runner.LoadAsync(command, null, Ended)).KvMode);
        return runner;
    }

    internal static async Task<Said> SayAsync(Runner runner, GenerationRequest request)
    {
        var (text, tokens, end) = ("", new List<TokenSample>(), default(GenerationFinished));
        await foreach (var told in runner.GenerateAsync(request, Ended))
        {
            if (told is TokensGenerated generated)
            {
                text += generated.Text;
                tokens.AddRange(generated.Tokens);
            }
            end = told as GenerationFinished ?? end;
        }
        return new Said(end!.Reason, end.Usage, tokens, text);
    }

    /// <summary>SIGKILL; returns when it is gone.</summary>
    internal static async Task KillAsync(Runner runner)
    {
        OwnProcess.Signal(runner.ProcessId, UnixSignal.Kill);
        await runner.Gone;
        await runner.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    internal sealed record Said(FinishReason Reason, GenerationUsage Usage, IReadOnlyList<TokenSample> Tokens, string Text)
    {
        internal IReadOnlyList<ulong> Hashes => [.. Tokens.Select(static token => token.LogitHash!.Value)];

        internal float FirstLogProb => Tokens[0].LogProb!.Value;
    }
}
