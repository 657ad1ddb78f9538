using System.Diagnostics;

namespace Stoker.Tests.Supply;

/// <summary>A real file system of a few megabytes. Needs root; unmounted when disposed.</summary>
internal sealed class TinyDisk : IDisposable
{
    private TinyDisk(string path) => Path = path;

    internal string Path { get; }

    internal static TinyDisk? TryMount(int megabytes)
    {
        var path = Directory.CreateTempSubdirectory("stoker-disk-").FullName;
        if (Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "stoker-test", path)) return new TinyDisk(path);
        Directory.Delete(path);
        return null;
    }

    internal void Grow(int megabytes) => Assert.True(Run("mount", "-o", $"remount,size={megabytes}m", Path));

    /// <summary>Leaves no room for a byte more.</summary>
    /// <returns>The file that takes it all.</returns>
    internal string Fill()
    {
        var path = System.IO.Path.Combine(Path, "filler");
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        try
        {
            for (var at = 0L; ; at += 4096) RandomAccess.Write(file, new byte[4096], at);
        }
        catch (IOException)
        {
            return path;
        }
    }

    internal void MakeReadOnly() => Assert.True(Run("mount", "-o", "remount,ro", Path));

    public void Dispose()
    {
        Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
