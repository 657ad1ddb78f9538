using System.Diagnostics;
using Stoker.Native.Libc;

namespace Stoker.Scenarios.Harness;

/// <summary>A real file system of a few megabytes in a folder, for what happens when a disk is full. Needs root; unmounted when disposed.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>Mounts it there, for the owner alone; skips the test by name where that cannot be.</summary>
    internal static SmallDisk MountOrSkip(string folder, int megabytes)
    {
        if (OwnProcess.EffectiveUserId != 0) Assert.Skip("SKIPPED: only root may mount a small tmpfs: what a full disk does is not tested.");
        Directory.CreateDirectory(folder);
        if (!Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=700", "none", folder)) Assert.Skip("SKIPPED: no tmpfs can be mounted here: what a full disk does is not tested.");
        return new SmallDisk(folder);
    }

    internal void Grow(int megabytes) => Assert.True(Run("mount", "-o", $"remount,size={megabytes}m", _folder));

    public void Dispose() => Run("umount", "-l", _folder);

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
