using Demo;

// The main job on one machine, offline: a hub on loopback, the built program against it, tokens out. Leaves nothing behind.
if (args is not [var program] || !File.Exists(program))
{
    Console.Error.WriteLine("usage: Demo PATH-OF-STOKER   (./run demo builds it and calls this)");
    return 2;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    interrupted.Cancel();
};

var folder = Directory.CreateTempSubdirectory("stoker-demo-").FullName;
try
{
    return await new Tour(program, folder).RunAsync(interrupted.Token);
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Stopped.");
    return 130;
}
finally
{
    Directory.Delete(folder, recursive: true);
}
