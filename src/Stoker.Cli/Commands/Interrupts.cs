using System.Runtime.InteropServices;

namespace Stoker.Cli.Commands;

/// <summary>
/// Ctrl-C and SIGTERM as cancellation. The first cancels what runs now; <see cref="Renew"/> arms it again for the next thing.
/// A second one, when the first had no effect within its own time, ends the program.
/// </summary>
public sealed class Interrupts : IDisposable
{
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private CancellationTokenSource _current = new();

    public Interrupts()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
    }

    /// <summary>Set at the next signal.</summary>
    public CancellationToken Token
    {
        get { lock (_gate) return _current.Token; }
    }

    /// <summary>A fresh token after a signal was dealt with.</summary>
    public CancellationToken Renew()
    {
        lock (_gate)
        {
            if (!_current.IsCancellationRequested) return _current.Token;
            _current.Dispose();
            _current = new CancellationTokenSource();
            return _current.Token;
        }
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        lock (_gate) _current.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        CancellationTokenSource current;
        lock (_gate) current = _current;
        // A second signal while the first is still being dealt with takes the system's default: the program ends.
        if (current.IsCancellationRequested) return;
        signal.Cancel = true;
        current.Cancel();
    }
}
