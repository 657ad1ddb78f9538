using System.Diagnostics;
using System.Text;
using Stoker.Native.Libc;

namespace Stoker.Scenarios.Harness;

/// <summary>
/// A process that a scenario started, in a session and process group of its own. What it says is collected; disposing it kills it
/// by its pid when it still runs.
/// </summary>
public sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _out = new();
    private readonly StringBuilder _error = new();
    private readonly Lock _gate = new();
    private readonly List<(Func<string, bool> Seen, TaskCompletionSource Gate, bool OfError)> _waiting = [];

    private Task _pumps = Task.CompletedTask;
    private bool _disposed;

    private RunningProgram(Process process) => _process = process;

    public int Pid => _process.Id;

    public string Out
    {
        get { lock (_gate) return _out.ToString(); }
    }

    public string Error
    {
        get { lock (_gate) return _error.ToString(); }
    }

    /// <summary>Starts through setsid(1): the program leads its own group, so that a test can send Ctrl-C to that group alone.</summary>
    public static RunningProgram Start(string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string workingFolder)
    {
        var request = new ProcessStartInfo("setsid")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingFolder,
        };
        request.ArgumentList.Add(file);
        foreach (var argument in arguments) request.ArgumentList.Add(argument);
        request.Environment.Clear();
        foreach (var (name, value) in environment) request.Environment[name] = value;
        var running = new RunningProgram(new Process { StartInfo = request });
        running._process.Start();
        running._pumps = Task.WhenAll(
            running.PumpAsync(running._process.StandardOutput, running._out, ofError: false),
            running.PumpAsync(running._process.StandardError, running._error, ofError: true));
        return running;
    }

    public void Write(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>Ctrl-C as a terminal sends it: SIGINT to the whole foreground group.</summary>
    public void PressControlC()
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", ["-INT", "--", $"-{Pid}"]))!;
        kill.WaitForExit();
    }

    public void Signal(UnixSignal signal) => OwnProcess.Signal(Pid, signal);

    /// <summary>Returns when a stream's whole text so far fulfils a condition; fails with all that was said when it does not in time.</summary>
    public async Task WaitForAsync(Func<string, bool> seen, bool inError, TimeSpan patience)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (seen((inError ? _error : _out).ToString())) return;
            _waiting.Add((seen, gate, inError));
        }
        try
        {
            await gate.Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"It did not say what was waited for within {patience.TotalSeconds:0} s.\nstandard output:\n{Out}\nstandard error:\n{Error}");
        }
    }

    /// <summary>Waits for the end. Streams that something else still holds open fail the test: that is a daemon that did not detach.</summary>
    public async Task<Finished> EndAsync(TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            await _pumps.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"It has not ended (or its streams are still held) after {patience.TotalSeconds:0} s.\nstandard output:\n{Out}\nstandard error:\n{Error}");
        }
        return new Finished(_process.ExitCode, Out, Error);
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        if (!_process.HasExited)
        {
            _process.Kill();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                // Its streams are held by a child; the home's own disposal finds and ends that.
            }
        }
        _process.Dispose();
    }

    // As it comes, not by line: an answer is streamed within one.
    private async Task PumpAsync(StreamReader stream, StringBuilder text, bool ofError)
    {
        var buffer = new char[4096];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0) Take(text, buffer.AsSpan(0, count), ofError);
    }

    private void Take(StringBuilder text, ReadOnlySpan<char> piece, bool ofError)
    {
        lock (_gate)
        {
            text.Append(piece);
            var whole = text.ToString();
            foreach (var waiting in _waiting.Where(waiting => waiting.OfError == ofError && waiting.Seen(whole)).ToArray())
            {
                _waiting.Remove(waiting);
                waiting.Gate.SetResult();
            }
        }
    }
}
