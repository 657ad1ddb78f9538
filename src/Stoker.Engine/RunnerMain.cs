using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.Json;
using Stoker.Core.Children;
using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine;

/// <summary>
/// The runner process (<c>stoker runner</c>, started by the daemon only): one model, one decode thread, one socket. It touches
/// nothing but its model's files, and ends with the daemon.
/// </summary>
public static class RunnerMain
{
    // The daemon decides who waits for whom; this only has to hold what it sends at once, tokenise calls among it.
    private const int MaxPending = 256;

    // While every receiver is behind.
    private static readonly TimeSpan Behind = TimeSpan.FromMilliseconds(5);

    /// <param name="arguments"><c>[--llama-dir DIR] --socket PATH</c>.</param>
    /// <param name="input">Standard input; its first line is the nonce.</param>
    /// <returns>The exit code, when it could not start; else the process ends with the daemon.</returns>
    public static int Run(IReadOnlyList<string> arguments, TextReader input)
    {
        if (Option(arguments, "--socket") is not { } socketPath || input.ReadLine() is not { Length: > 0 } nonce)
        {
            Console.Error.WriteLine("The runner is started by 'stoker serve'; it is of no use by itself.");
            return 2;
        }
        // Ctrl-C in the daemon's terminal is for the daemon; when memory runs out this process should go, not the daemon.
        _ = OwnProcess.TryStartSession();
        PreferAsOutOfMemoryVictim();

        var log = new LlamaLog(forward: static (level, line) =>
        {
            if (level >= LlamaLogLevel.Warn) Console.Error.WriteLine(line);
        });
        var places = Option(arguments, "--llama-dir") is { } folder ? [folder] : LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory);
        LlamaLibrary.TryLoad(places, log, out var library, out var reason);

        using var requests = new BlockingCollection<ChildRequest>(MaxPending);
        var decode = new Thread(() => DecodeThread(requests, library, reason), maxStackSize: 16 << 20) { Name = "stoker-decode" };
        var hello = new ChildHello(nonce, RunnerProtocol.Version, library?.Fingerprint ?? "", Environment.ProcessId) { Problem = reason };
        using var link = ParentLink.Connect(
            socketPath,
            hello,
            request =>
            {
                if (!requests.TryAdd(request)) request.Fail(ErrorKind.Busy, "The runner has too many requests waiting.");
            },
            static () => OwnProcess.ExitNow(0));
        decode.Start();
        decode.Join();
        return 0;
    }

    /// <summary>Takes requests as they come, and steps all answers as long as there are any.</summary>
    private static void DecodeThread(BlockingCollection<ChildRequest> requests, LlamaLibrary? library, string? reason)
    {
        RunnerModel? model = null;
        var wait = TimeSpan.Zero;
        while (true)
        {
            if (model is not { IsIdle: false })
            {
                if (requests.Count == 0) model?.Rest();
                wait = model?.Wait ?? Timeout.InfiniteTimeSpan;
            }
            if (requests.TryTake(out var request, wait)) Answer(request, library, reason, ref model);
            else if (model is null) return;
            wait = model is null || model.Step() ? TimeSpan.Zero : Behind;
        }
    }

    private static void Answer(ChildRequest request, LlamaLibrary? library, string? reason, ref RunnerModel? model)
    {
        var target = new RequestTarget(request);
        try
        {
            if (library is null) throw new StokerException(ErrorKind.Unavailable, reason!);
            request.Cancelled.ThrowIfCancellationRequested();
            switch (request.Kind)
            {
                case RunnerProtocol.Load when model is null:
                    model = Load(request, library);
                    Send(request, RunnerProtocol.Loaded, model.Report, RunnerJson.Default.LoadedReport);
                    break;
                case RunnerProtocol.Generate when model is not null:
                    model.Join(Read(request, RunnerJson.Default.GenerationRequest), target);
                    return; // it ends when the answer does
                case RunnerProtocol.CloseSession:
                    model?.Close(Read(request, RunnerJson.Default.CloseSessionCommand));
                    break;
                case RunnerProtocol.Tokenize when model is not null:
                    var tokens = model.Tokenize(Read(request, RunnerJson.Default.TokenizeCommand));
                    Send(request, RunnerProtocol.Tokenized, new TokenizedReport(tokens), RunnerJson.Default.TokenizedReport);
                    break;
                default:
                    throw new StokerException(ErrorKind.Internal, $"The runner was asked out of order (request {request.Kind}).");
            }
            target.End();
        }
        catch (OperationCanceledException)
        {
            target.Fail(ErrorKind.Cancelled, "Cancelled.");
        }
        catch (StokerException error)
        {
            target.Fail(error.Kind, error.Message);
        }
        catch (Exception error)
        {
            // A root: one request's defect is told to whoever asked, and the model stays loaded.
            Console.Error.WriteLine(error);
            target.Fail(ErrorKind.Internal, $"The runner failed: {error.Message}");
        }
    }

    private static RunnerModel Load(ChildRequest request, LlamaLibrary library)
    {
        var command = Read(request, RunnerJson.Default.LoadCommand);
        var lastPercent = -1;
        void Progress(float fraction)
        {
            var percent = (int)(fraction * 100);
            if (percent == lastPercent) return;
            lastPercent = percent;
            Send(request, RunnerProtocol.LoadProgress, new LoadReport(fraction), RunnerJson.Default.LoadReport);
        }
        return RunnerModel.Load(library, command, Progress, NewSeed, request.Cancelled);
    }

    private static uint NewSeed()
    {
        Span<byte> bytes = stackalloc byte[4];
        System.Security.Cryptography.RandomNumberGenerator.Fill(bytes);
        // 0xFFFFFFFF means "random" to llama.cpp, and would not be the seed that we then report.
        return MemoryMarshal.Read<uint>(bytes) & 0x7FFFFFFF;
    }

    private static T Read<T>(ChildRequest request, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class =>
        JsonSerializer.Deserialize(request.Payload.Span, type) ?? throw new StokerException(ErrorKind.Internal, "The runner was sent an empty request.");

    private static void Send<T>(ChildRequest request, ushort kind, T message, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        request.Send(kind, JsonSerializer.SerializeToUtf8Bytes(message, type));

    private static void PreferAsOutOfMemoryVictim()
    {
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "500");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // a wish, not a need
        }
    }

    private static string? Option(IReadOnlyList<string> arguments, string name)
    {
        for (var i = 0; i + 1 < arguments.Count; i++)
        {
            if (arguments[i] == name) return arguments[i + 1];
        }
        return null;
    }

    private sealed class RequestTarget(ChildRequest request) : IAnswerTarget
    {
        public CancellationToken Cancelled => request.Cancelled;

        public bool HasRoom => request.HasRoom;

        public void Tell(GenerationEvent told) => Send(request, RunnerProtocol.Event, told, RunnerJson.Default.GenerationEvent);

        public void End()
        {
            request.End();
            request.Dispose();
        }

        public void Fail(ErrorKind kind, string message)
        {
            request.Fail(kind, message);
            request.Dispose();
        }
    }
}
