using System.Runtime.InteropServices;
using FakeHub;

// fakehub --port 0 --root DIR [--print-urls] [--rate BYTES] [--first-byte-ms N] [--registry-auth] [--tls]
var options = new FakeHubOptions { Root = "" };
var printUrls = false;
for (var i = 0; i < args.Length; i++)
{
    string Value() => i + 1 < args.Length ? args[++i] : throw new ArgumentException($"{args[i]} needs a value.");
    switch (args[i])
    {
        case "--root": options = options with { Root = Value() }; break;
        case "--port": options = options with { Port = int.Parse(Value()) }; break;
        case "--rate": options = options with { RateBytesPerSecond = long.Parse(Value()) }; break;
        case "--first-byte-ms": options = options with { FirstByteDelayMs = int.Parse(Value()) }; break;
        case "--tls": options = options with { Tls = true }; break;
        case "--registry-auth": options = options with { RegistryAuth = true }; break;
        case "--print-urls": printUrls = true; break;
        default:
            Console.Error.WriteLine($"fakehub does not know {args[i]}.\nfakehub --root DIR [--port 0] [--print-urls] [--rate BYTES_PER_SECOND] [--first-byte-ms N] [--registry-auth] [--tls]");
            return 2;
    }
}
if (!Directory.Exists(options.Root))
{
    Console.Error.WriteLine("fakehub needs --root DIR, a folder laid out as its README says.");
    return 2;
}
await using var hub = await FakeHubServer.StartAsync(options);
if (printUrls)
{
    Console.WriteLine($"HF_ENDPOINT={hub.Url.TrimEnd('/')}");
    Console.WriteLine($"STOKER_OLLAMA_REGISTRY={hub.Url.TrimEnd('/')}");
    Console.WriteLine($"FILES={hub.Url}files");
    if (hub.CaPem is not null)
    {
        await File.WriteAllTextAsync(Path.Combine(options.Root, "ca.pem"), hub.CaPem);
        Console.WriteLine($"STOKER_CA_FILE={Path.GetFullPath(Path.Combine(options.Root, "ca.pem"))}");
    }
}
var ended = new TaskCompletionSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => { context.Cancel = true; ended.TrySetResult(); });
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => { context.Cancel = true; ended.TrySetResult(); });
await ended.Task;
return 0;
