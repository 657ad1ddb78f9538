using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stoker.Core.Children;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Runners;

/// <summary>One runner process, seen from the daemon. Thread-safe; it answers one request at a time, in order.</summary>
public sealed class Runner : IAsyncDisposable
{
    /// <summary>What a cancelled request may still take before the process counts as stuck: far more than any micro-batch.</summary>
    private static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(60);

    private readonly ChildLink _link;
    private readonly Action<string>? _log;
    private readonly TimeProvider _time;

    // Cancelled, and not ended in the process yet. Its own lock.
    private readonly HashSet<ChildCall> _cancelled = [];

    private Runner(ChildLink link, Action<string>? log, TimeProvider time)
    {
        _link = link;
        _log = log;
        _time = time;
    }

    public int ProcessId => _link.ProcessId;

    /// <summary>Of the libraries and the processor it runs on.</summary>
    public string Fingerprint => _link.Hello.Fingerprint;

    /// <summary>Why llama.cpp does not load in it, or null.</summary>
    public string? Problem => _link.Hello.Problem;

    /// <summary>The last lines it wrote.</summary>
    public IReadOnlyList<string> LogLines => _link.Log.Lines;

    /// <summary>Completes when the process is gone, for whatever reason. Never faults.</summary>
    public Task Gone => _link.Gone;

    /// <summary>Once it is gone: how it ended, with its last lines.</summary>
    public string EndReason => _link.EndReason ?? "The runner lives.";

    /// <summary>Starts the process; it has no model yet.</summary>
    /// <exception cref="StokerException">Unavailable, with its last lines.</exception>
    public static async Task<Runner> StartAsync(RunnerStart start, Action<string>? log, TimeProvider time, CancellationToken cancellationToken)
    {
        var link = await ChildLink.StartAsync(
            new ChildStart
            {
                Role = "runner",
                Program = start.Program,
                Arguments = start.LlamaDirectory is { } folder ? [.. start.Arguments, "--llama-dir", folder] : start.Arguments,
                RunFolder = start.RunFolder,
                Protocol = RunnerProtocol.Version,
                Environment = RunnerStart.LeanEnvironment,
                Log = log,
            },
            time,
            cancellationToken);
        return new Runner(link, log, time);
    }

    /// <summary>Loads the model; cancelling ends the load (and leaves the runner without one: dispose it).</summary>
    /// <exception cref="StokerException">What the load failed with; Unavailable when the process ended.</exception>
    public async Task<LoadedReport> LoadAsync(LoadCommand command, Action<double>? progress, CancellationToken cancellationToken)
    {
        LoadedReport? loaded = null;
        await foreach (var frame in AskAsync(RunnerProtocol.Load, command, RunnerJson.Default.LoadCommand, cancellationToken))
        {
            if (frame.Kind == RunnerProtocol.LoadProgress) progress?.Invoke(Read(frame, RunnerJson.Default.LoadReport).Fraction);
            else if (frame.Kind == RunnerProtocol.Loaded) loaded = Read(frame, RunnerJson.Default.LoadedReport);
        }
        return loaded ?? throw Incomplete();
    }

    /// <summary>
    /// Two tokens that nobody sees: they bring the weights into memory and compile the way from here to there, so that the first
    /// request is not slower than the second.
    /// </summary>
    /// <exception cref="StokerException">The model loads but does not compute.</exception>
    public async Task WarmAsync(CancellationToken cancellationToken)
    {
        var request = new GenerationRequest { Text = "Hello", MaxTokens = 2, IgnoreEos = true, Stop = ["\0"] };
        try
        {
            await foreach (var _ in GenerateAsync(request, cancellationToken))
            {
                // only that they come
            }
        }
        catch (StokerException error) when (error.Kind is ErrorKind.Unsupported or ErrorKind.InvalidInput or ErrorKind.ContextOverflow)
        {
            // A model without a vocabulary, or with room for nothing: the first request is told.
        }
    }

    /// <summary>One answer. Leaving the enumeration early, or cancelling, stops it within one token.</summary>
    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var frame in AskAsync(RunnerProtocol.Generate, request, RunnerJson.Default.GenerationRequest, cancellationToken))
        {
            if (frame.Kind == RunnerProtocol.Event) yield return Read(frame, RunnerJson.Default.GenerationEvent);
        }
    }

    public async Task<IReadOnlyList<int>> TokenizeAsync(TokenizeCommand command, CancellationToken cancellationToken)
    {
        IReadOnlyList<int>? tokens = null;
        await foreach (var frame in AskAsync(RunnerProtocol.Tokenize, command, RunnerJson.Default.TokenizeCommand, cancellationToken))
        {
            if (frame.Kind == RunnerProtocol.Tokenized) tokens = Read(frame, RunnerJson.Default.TokenizedReport).Tokens;
        }
        return tokens ?? throw Incomplete();
    }

    /// <summary>Has the process let a session go (null: all that nobody answers in).</summary>
    /// <exception cref="StokerException">Busy: somebody answers in it. Unavailable: the process is gone, and with it its hold.</exception>
    public async Task CloseSessionAsync(string? nameOrId, string? scope, CancellationToken cancellationToken)
    {
        await foreach (var _ in AskAsync(RunnerProtocol.CloseSession, new CloseSessionCommand(nameOrId, scope), RunnerJson.Default.CloseSessionCommand, cancellationToken))
        {
            // only its end
        }
    }

    /// <summary>Completes when every request that was cancelled so far has ended in the process too. Never faults.</summary>
    public Task CancelledEndAsync()
    {
        lock (_cancelled) return Task.WhenAll(_cancelled.Select(static call => call.Ended));
    }

    /// <summary>Ends the process without asking.</summary>
    public void Kill() => _link.Kill();

    public ValueTask DisposeAsync() => _link.DisposeAsync();

    private async IAsyncEnumerable<Frame> AskAsync<T>(ushort kind, T request, JsonTypeInfo<T> type, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var call = _link.Call(kind, JsonSerializer.SerializeToUtf8Bytes(request, type));
        try
        {
            await foreach (var frame in call.ReadAsync(cancellationToken)) yield return frame;
        }
        finally
        {
            await call.DisposeAsync();
            if (!call.Ended.IsCompleted) _ = EndOrKillAsync(call);
        }
    }

    // Nobody waits for this: the next request waits in the process itself, until it is its turn there or the process is gone.
    private async Task EndOrKillAsync(ChildCall call)
    {
        lock (_cancelled) _cancelled.Add(call);
        try
        {
            await call.Ended.WaitAsync(StuckAfter, _time);
        }
        catch (TimeoutException)
        {
            _log?.Invoke($"The runner (process {ProcessId}) did not end a cancelled request within {StuckAfter.TotalSeconds:0} s: killed.");
            _link.Kill();
        }
        finally
        {
            lock (_cancelled) _cancelled.Remove(call);
        }
    }

    private static T Read<T>(Frame frame, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            if (JsonSerializer.Deserialize(frame.Payload.Span, type) is { } message) return message;
        }
        catch (JsonException)
        {
            // said below
        }
        throw new StokerException(ErrorKind.Internal, $"The runner's message {frame.Kind} cannot be read.");
    }

    private static StokerException Incomplete() => new(ErrorKind.Internal, "The runner ended its answer without a result.");
}
