using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Stoker.Bench.Fetch;

/// <summary>
/// A file of random bytes, the origin that serves it on loopback, and the programs beside it that are compiled for this. Disposing
/// ends the origin and removes the file.
/// </summary>
internal sealed class FetchLab : IAsyncDisposable
{
    private readonly string _folder;
    private Process? _origin;

    private FetchLab(string folder, long sizeBytes)
    {
        _folder = folder;
        SizeBytes = sizeBytes;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public long SizeBytes { get; }
    public int Port { get; }
    public string Sha256 { get; private set; } = "";
    public string Url => $"http://127.0.0.1:{Port}/f.bin";
    /// <summary>What is served.</summary>
    public string File => Path.Combine(_folder, "root", "f.bin");

    public string ReceiverProgram => Path.Combine(_folder, "receiver");

    /// <summary>What is missing on this machine, in words, or null.</summary>
    public static string? Missing()
    {
        var missing = new[] { "gcc", "aria2c", "curl" }.Where(static name => !IsOnPath(name)).ToList();
        return missing.Count == 0 ? null : $"./run bench fetch needs {string.Join(", ", missing)}: sudo apt-get install gcc libc6-dev aria2 curl";
    }

    /// <summary>Compiles the lab's programs and writes the file, which the origin will serve from memory.</summary>
    /// <param name="lab"><c>tools/lab</c> of the repository.</param>
    /// <param name="sizeBytes">Of the file.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<FetchLab> CreateAsync(string lab, long sizeBytes, CancellationToken cancellationToken)
    {
        var made = new FetchLab(Directory.CreateTempSubdirectory("stkb-").FullName, sizeBytes);
        try
        {
            await made.CompileAsync(Path.Combine(lab, "origin/origin.c"), "origin", cancellationToken);
            await made.CompileAsync(Path.Combine(lab, "receiver/receiver.c"), "receiver", cancellationToken);
            Directory.CreateDirectory(Path.Combine(made._folder, "root"));
            await made.WriteAsync(cancellationToken);
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the origin anew.</summary>
    /// <param name="firstByteMs">Milliseconds before each answer; 0: none.</param>
    /// <param name="bytesPerSecond">Of each connection; 0: as fast as it goes.</param>
    /// <param name="cancellationToken">Ends the wait for it.</param>
    public async Task ServeAsync(int firstByteMs, long bytesPerSecond, CancellationToken cancellationToken)
    {
        StopOrigin();
        _origin = Process.Start(new ProcessStartInfo(Path.Combine(_folder, "origin"), [Path.Combine(_folder, "root"), Text(Port), Text(firstByteMs), Text(bytesPerSecond)]))!;
        using var client = new HttpClient();
        for (var tries = 0; ; tries++)
        {
            try
            {
                await client.GetStringAsync($"http://127.0.0.1:{Port}/_stats", cancellationToken);
                return;
            }
            catch (HttpRequestException) when (tries < 100)
            {
                await Task.Delay(20, cancellationToken);
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        StopOrigin();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private void StopOrigin()
    {
        _origin?.Kill();
        _origin?.WaitForExit();
        _origin?.Dispose();
        _origin = null;
    }

    private async Task CompileAsync(string source, string name, CancellationToken cancellationToken)
    {
        using var compiler = Process.Start(new ProcessStartInfo("gcc", ["-O2", "-w", "-pthread", "-o", Path.Combine(_folder, name), source]))!;
        await compiler.WaitForExitAsync(cancellationToken);
        if (compiler.ExitCode != 0) throw new InvalidOperationException($"gcc could not build {source}.");
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        var block = new byte[1 << 20];
        var random = new Random(1);
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = System.IO.File.Create(File, bufferSize: 0);
        for (long written = 0; written < SizeBytes;)
        {
            random.NextBytes(block);
            var wanted = (int)Math.Min(block.Length, SizeBytes - written);
            sum.AppendData(block, 0, wanted);
            await file.WriteAsync(block.AsMemory(0, wanted), cancellationToken);
            written += wanted;
        }
        file.Flush(flushToDisk: true);
        Sha256 = Convert.ToHexStringLower(sum.GetHashAndReset());
    }

    private static bool IsOnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => System.IO.File.Exists(Path.Combine(folder, name)));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
