using Stoker.Core.Errors;
using Stoker.Supply.Blobs;

namespace Stoker.Tests.Supply.Blobs;

public sealed class DiskErrorsTests
{
    [Theory]
    [InlineData(28, ErrorKind.OutOfSpace, "the disk is full")]
    [InlineData(122, ErrorKind.OutOfSpace, "quota")]
    [InlineData(27, ErrorKind.OutOfSpace, "free")]
    [InlineData(30, ErrorKind.Io, "read-only")]
    [InlineData(13, ErrorKind.Io, "Check who owns")]
    [InlineData(1, ErrorKind.Io, "Check who owns")]
    [InlineData(5, ErrorKind.Io, "dmesg")]
    [InlineData(24, ErrorKind.Io, "too many files")]
    [InlineData(23, ErrorKind.Io, "too many files")]
    [InlineData(75, ErrorKind.Io, "odd")]
    public void Wrap_WhatTheKernelRefuses_SaysWhatToDo(int number, ErrorKind kind, string hint)
    {
        var wrapped = DiskErrors.Wrap(new IOException("odd", number), "A write failed", "/tmp/x", neededBytes: 12_345);
        Assert.Equal(kind, wrapped.Kind);
        Assert.Contains(hint, wrapped.Message, StringComparison.Ordinal);
        Assert.StartsWith("A write failed", wrapped.Message, StringComparison.Ordinal);
        if (kind != ErrorKind.OutOfSpace) return;
        Assert.Matches(@"12,345 bytes are needed, [\d,]+ bytes are free", wrapped.Message);
        // Who fills a disk may be either.
        Assert.Contains("models (stoker rm) or conversations (stoker sessions rm)", wrapped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrap_AccessDenied_NamesThePath()
    {
        var wrapped = DiskErrors.Wrap(new UnauthorizedAccessException("no"), "A write failed", "/x");
        Assert.Equal(ErrorKind.Io, wrapped.Kind);
        Assert.Contains("/x", wrapped.Message, StringComparison.Ordinal);
    }
}
