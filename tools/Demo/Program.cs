using Demo;

// The main job on one machine, offline: a hub on loopback, the built program against it, tokens out. Leaves nothing behind.
if (args is not [var program] || !File.Exists(program))
{
    Console.Error.WriteLine("usage: Demo PATH-OF-STOKER   (./run demo builds it and calls this)");
    return 2;
}

// What the caller has set for a Stoker of their own (a key, a home, a token, a proxy) is not for this one, nor for our own client.
foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(IsOfTheCaller)) Environment.SetEnvironmentVariable(name, null);

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

static bool IsOfTheCaller(string name) =>
    name.StartsWith("STOKER_", StringComparison.Ordinal) || name.StartsWith("HF_", StringComparison.Ordinal) || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase);
