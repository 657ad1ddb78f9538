using System.Numerics;
using System.Runtime.InteropServices;

namespace Stoker.Native.Libc;

/// <summary>What a process asks of the kernel about itself and its children.</summary>
public static unsafe class OwnProcess
{
    public static uint EffectiveUserId => LibcNative.geteuid();

    /// <summary>Ends at once: no finalizers, no exit handlers, no flushing. For a child whose parent is gone.</summary>
    public static void ExitNow(int status) => LibcNative._exit(status);

    /// <summary>Leaves the terminal: a session of its own, and files (or <c>/dev/null</c> where null) as the standard streams.</summary>
    /// <exception cref="LibcException">A file cannot be opened.</exception>
    public static void Detach(string? standardOutputPath, string? standardErrorPath)
    {
        // Fails only for a process group's leader (a shell's foreground job), which then shares the terminal's session: harmless
        // once the streams point elsewhere, but Ctrl-C would still reach it. Start through a child to be certain.
        _ = LibcNative.setsid();
        Redirect(0, "/dev/null", append: false);
        Redirect(1, standardOutputPath ?? "/dev/null", append: true);
        Redirect(2, standardErrorPath ?? "/dev/null", append: true);
    }

    /// <summary>
    /// Descriptors that a shell handed us (3 and above) close in programs we start. Without it a daemon started from a script would
    /// hold the script's lock files and pipes for ever. Old kernels and C libraries that cannot: nothing happens.
    /// </summary>
    public static void KeepDescriptorsFromChildren()
    {
        const uint closeOnExec = 4;
        try
        {
            _ = LibcNative.close_range(3, uint.MaxValue, closeOnExec);
        }
        catch (EntryPointNotFoundException)
        {
            // glibc before 2.34.
        }
    }

    /// <summary>A new session; false when this process leads its group already.</summary>
    public static bool TryStartSession() => LibcNative.setsid() >= 0;

    /// <summary>Sends a signal. False: no such process.</summary>
    /// <exception cref="LibcException">Not permitted.</exception>
    public static bool Signal(int processId, UnixSignal signal)
    {
        if (processId <= 0) throw new ArgumentOutOfRangeException(nameof(processId), processId, "Only single processes are signalled.");
        if (LibcNative.kill(processId, (int)signal) == 0) return true;
        var errno = Marshal.GetLastPInvokeError();
        return (Errno)errno == Errno.NoProcess ? false : throw new LibcException("kill", $"process {processId}", errno);
    }

    /// <summary>The processors this process may run on, ascending (cpuset and affinity). Empty when the kernel does not say.</summary>
    public static IReadOnlyList<int> AllowedProcessors()
    {
        const int bytes = 1024; // 8192 processors
        var mask = stackalloc byte[bytes];
        new Span<byte>(mask, bytes).Clear();
        // The wrapper of glibc returns 0; musl's returns the count. Negative is failure in both.
        if (LibcNative.sched_getaffinity(0, bytes, mask) < 0) return [];
        var processors = new List<int>();
        for (var i = 0; i < bytes; i++)
        {
            for (uint left = mask[i]; left != 0; left &= left - 1) processors.Add((i * 8) + BitOperations.TrailingZeroCount(left));
        }
        return processors;
    }

    /// <summary>Gives the C heap's free pages back to the kernel.</summary>
    public static void TrimNativeHeap() => _ = LibcNative.malloc_trim(0);

    private static void Redirect(int standardStream, string path, bool append)
    {
        const int readWrite = 2, create = 0x40, appendFlag = 0x400, noControllingTerminal = 0x100;
        var fd = LibcNative.open(path, readWrite | create | noControllingTerminal | (append ? appendFlag : 0), 0x180 /* 0600 */);
        if (fd < 0) throw LibcException.Last("open", path);
        if (fd == standardStream) return;
        if (LibcNative.dup2(fd, standardStream) < 0) throw LibcException.Last("dup2", path);
        _ = LibcNative.close(fd);
    }
}

/// <summary>Signals that Stoker sends (signal(7); numbers of x64 and arm64).</summary>
public enum UnixSignal
{
    /// <summary>Only asks whether the process exists.</summary>
    None = 0,
    Interrupt = 2,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}
