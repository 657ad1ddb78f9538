using System.Runtime.InteropServices;
using Stoker.Bench;
using Stoker.Bench.Fetch;
using Stoker.Bench.Kv;

// ./run bench [decode|first-token|start-up|memory|fetch|kv ...] [--json] [--quick] [--program PATH]
if (args is [BareLoop.Verb, .. var rest]) return BareLoop.Run(rest);
if (args is [TouchedMemory.Verb, var bytes]) return TouchedMemory.Run(bytes);
if (args is [KvChild.Verb, .. var child]) return KvChild.Run(child);
if (args is [FetchOverBench.Verb, .. var over]) return await FetchOverBench.FetchAsync(over, CancellationToken.None);
if (BenchOptions.Parse(args, AppContext.BaseDirectory) is not { } options)
{
    Console.Error.WriteLine(BenchOptions.Usage);
    return 2;
}
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
// What ends a bench that takes too long (timeout) leaves no gigabytes behind either.
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});
try
{
    return await BenchRun.RunAsync(options, Console.Out, Console.Error, stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
