using System.Diagnostics;
using System.Globalization;
using Stoker.Native.Libc;

namespace Stoker.Tests.Native.Libc;

public sealed class FileStampTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TryRead_IsWhatStatSays()
    {
        File.WriteAllText(_folder.File("a"), "hello");
        File.SetLastWriteTimeUtc(_folder.File("a"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc).AddTicks(1234567));
        var stamp = FileStamp.TryRead(_folder.File("a"))!.Value;
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%s %i %h %.9Y %.9Z %Hd %Ld", _folder.File("a")]) { RedirectStandardOutput = true })!;
        var said = (await stat.StandardOutput.ReadToEndAsync()).Trim().Split(' ');
        await stat.WaitForExitAsync();
        Assert.Equal(said[0], stamp.SizeBytes.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(said[1], stamp.Inode.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(said[2], stamp.Links.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(said[3].Replace(".", "", StringComparison.Ordinal), stamp.ModifiedNs.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(said[4].Replace(".", "", StringComparison.Ordinal), stamp.ChangedNs.ToString(CultureInfo.InvariantCulture));
        Assert.Equal($"{said[5]} {said[6]}", $"{stamp.Device >> 32} {(uint)stamp.Device}");
        Assert.True(stamp.IsRegularFile);
    }

    [Fact]
    public void TryRead_AWriteAChmodAndALink_MoveTheChangeTime()
    {
        var path = _folder.File("a");
        File.WriteAllText(path, "hello");
        var before = FileStamp.TryRead(path)!.Value;
        Assert.Equal(before, FileStamp.TryRead(path));
        foreach (var change in new Action[]
        {
            () => File.WriteAllText(path, "jello"),
            () => File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead),
            () => File.SetLastWriteTimeUtc(path, new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc)),
        })
        {
            SpinWait.SpinUntil(() => Moved(change, path, before), TimeSpan.FromSeconds(5));
            var after = FileStamp.TryRead(path)!.Value;
            Assert.NotEqual(before.ChangedNs, after.ChangedNs);
            before = after;
        }
    }

    [Fact]
    public void TryRead_WhatIsNoFile_IsTold()
    {
        Assert.Null(FileStamp.TryRead(_folder.File("absent")));
        File.WriteAllText(_folder.File("a"), "");
        Assert.Null(FileStamp.TryRead(_folder.File("a/below")));
        Assert.False(FileStamp.TryRead(_folder.Path)!.Value.IsRegularFile);
        Assert.False(FileStamp.TryRead("/dev/null")!.Value.IsRegularFile);
    }

    // The kernel's clock for file times has ticks of some milliseconds.
    private static bool Moved(Action change, string path, FileStamp before)
    {
        change();
        return FileStamp.TryRead(path)!.Value.ChangedNs != before.ChangedNs;
    }
}
