using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using FakeHub;
using Stoker.Core.Formats.Gguf;
using TinyModel;

namespace Demo;

/// <summary>The tour, step by step. Every command that it shows is run as shown, by the real program.</summary>
internal sealed class Tour(string program, string folder)
{
    private const string Repo = "stoker/tiny-split-GGUF";
    private const string Model = "hf:" + Repo;

    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        await using var hub = await PublishAsync(cancellationToken);
        var port = FreePort();
        _environment["STOKER_HOME"] = Path.Combine(folder, "home");
        _environment["STOKER_PORT"] = port.ToString();
        _environment["STOKER_OFFLINE"] = "1";
        _environment["HF_ENDPOINT"] = hub.Url.TrimEnd('/');
        _environment["STOKER_OLLAMA_REGISTRY"] = hub.Url.TrimEnd('/');
        Say($"A hub on this machine ({hub.Url}) serves the model as two files; nothing else is reachable.");
        try
        {
            Say("From a reference to tokens: both files at once, verified, loaded, answered. The last line is the time line.");
            var code = await StokerAsync(["run", Model, "What does stoker pull do?", "--temp", "0", "--verbose"], cancellationToken);
            if (code != 0) return code;

            Say("It is here now: verified, under the digest of its content.");
            code = await StokerAsync(["show", Model], cancellationToken);
            if (code != 0) return code;

            Say($"The same through the OpenAI API, http://127.0.0.1:{port}/v1/chat/completions, streaming:");
            await OpenAiChat.AskAsync(new Uri($"http://127.0.0.1:{port}/v1/"), Model, "Tell me a story.", cancellationToken);

            Say("What is loaded, and what it takes:");
            code = await StokerAsync(["ps"], cancellationToken);
            if (code != 0) return code;
        }
        finally
        {
            await StokerAsync(["serve", "--stop"], CancellationToken.None);
        }
        Say($"Done in {watch.Elapsed.TotalSeconds:0.0} s; the hub sent {hub.Stats.ContentBytes:N0} bytes. Try it: dist/stoker run tiny");
        return 0;
    }

    private async Task<FakeHubServer> PublishAsync(CancellationToken cancellationToken)
    {
        var checkpoint = Checkpoint();
        var prefix = Path.Combine(folder, "tiny-Q8_0");
        var parts = HuggingFaceToGguf.Prepare(new HuggingFaceFolder(checkpoint), GgmlType.Q8_0, "Stoker tiny").WriteSplit(prefix, 2);
        var hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = Path.Combine(folder, "hub") }, cancellationToken);
        hub.Publisher.HuggingFace(Repo, parts.Select(static path => (Path.GetFileName(path), path)));
        return hub;
    }

    private async Task<int> StokerAsync(string[] arguments, CancellationToken cancellationToken)
    {
        Console.WriteLine($"\e[2m$\e[0m stoker {string.Join(' ', arguments.Select(static a => a.Contains(' ') ? $"\"{a}\"" : a))}");
        var start = new ProcessStartInfo(program, arguments);
        foreach (var (name, value) in _environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
        Console.WriteLine();
        return process.ExitCode;
    }

    /// <summary>The trained model as it is kept in the repository in which the program was built.</summary>
    private string Checkpoint()
    {
        for (var above = Path.GetDirectoryName(Path.GetFullPath(program)); above is not null; above = Path.GetDirectoryName(above))
        {
            var checkpoint = Path.Combine(above, "models", "tiny");
            if (File.Exists(Path.Combine(checkpoint, "model.safetensors"))) return checkpoint;
        }
        throw new InvalidOperationException($"{program} does not lie in the repository, whose models/tiny the tour serves.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static void Say(string text) => Console.WriteLine($"\e[1m{text}\e[0m");
}
