using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FakeHub;

/// <summary>Sends a file or a range of it, with whatever goes wrong on the way.</summary>
internal sealed class ContentAnswer(HubStats stats, FakeHubOptions options)
{
    private const int PieceBytes = 64 * 1024;
    private static long _etags;

    internal async Task SendAsync(HttpContext http, HubFile file, string contentKey, string etag, HubFault? fault)
    {
        var cancellationToken = http.RequestAborted;
        if (fault?.DelayMs > 0) await Task.Delay(fault.DelayMs, cancellationToken);
        if (options.FirstByteDelayMs > 0) await Task.Delay(options.FirstByteDelayMs, cancellationToken);
        var response = http.Response;
        if (fault?.HtmlPage == true)
        {
            response.ContentType = "text/html; charset=utf-8";
            await response.WriteAsync("<!DOCTYPE html><html><body>Please log in.</body></html>", cancellationToken);
            return;
        }
        if (fault?.ChangingETag == true) etag = $"\"changed-{Interlocked.Increment(ref _etags)}\"";
        etag = fault?.ETag ?? etag;
        if (fault?.NoETag != true)
        {
            if (fault?.OnlyLastModified != true) response.Headers.ETag = etag;
            response.Headers.LastModified = file.Modified.ToString("R", CultureInfo.InvariantCulture);
        }
        var part = fault?.IgnoreRange == true ? (0, file.SizeBytes, false) : PickRange(http, file, etag);
        if (part is not (var start, var length, var isPartial))
        {
            response.StatusCode = 416;
            response.Headers.ContentRange = $"bytes */{file.SizeBytes}";
            return;
        }
        if (fault?.IgnoreRange != true) response.Headers.AcceptRanges = "bytes";
        response.ContentType = "application/octet-stream";
        if (isPartial)
        {
            var shift = fault?.ContentRangeShift ?? 0;
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {start + shift}-{start + length - 1 + shift}/{file.SizeBytes + (fault?.ContentRangeTotalShift ?? 0)}";
        }
        var announced = Math.Min(length, fault?.ShortBodyBytes ?? long.MaxValue) + (fault?.LongBodyBytes ?? 0);
        if (fault?.Gzip == true) response.Headers.ContentEncoding = "gzip";
        else if (fault?.Chunked != true) response.ContentLength = announced;
        if (HttpMethods.IsHead(http.Request.Method)) return;
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var answer = stats.Open(contentKey, announced);
        await SendBodyAsync(http, file, start, announced, answer, fault, cancellationToken);
    }

    private async Task SendBodyAsync(HttpContext http, HubFile file, long start, long length, HubStats.OpenAnswer answer, HubFault? fault, CancellationToken cancellationToken)
    {
        await using var gzip = fault?.Gzip == true ? new GZipStream(http.Response.Body, CompressionLevel.Fastest, leaveOpen: true) : null;
        var body = gzip ?? http.Response.Body;
        using var handle = File.OpenHandle(file.FullPath);
        var buffer = new byte[PieceBytes];
        var rate = fault?.RateBytesPerSecond ?? options.RateBytesPerSecond;
        var began = TimeProvider.System.GetTimestamp();
        for (long sent = 0; sent < length;)
        {
            var stop = NextStop(sent, fault);
            var want = (int)Math.Min(Math.Min(buffer.Length, length - sent), stop - sent);
            if (want == 0)
            {
                await StopAsync(http, sent, fault!, cancellationToken);
                if (fault!.Gate is null) return;
                fault = fault with { Gate = null };
                continue;
            }
            Fill(handle, buffer.AsSpan(0, want), start + sent, file, fault);
            answer.Sending(want);
            await body.WriteAsync(buffer.AsMemory(0, want), cancellationToken);
            sent += want;
            if (rate <= 0) continue;
            await body.FlushAsync(cancellationToken);
            var due = TimeSpan.FromSeconds((double)sent / rate) - TimeProvider.System.GetElapsedTime(began);
            if (due > TimeSpan.FromMilliseconds(1)) await Task.Delay(due, cancellationToken);
        }
    }

    private static long NextStop(long sent, HubFault? fault)
    {
        var stop = long.MaxValue;
        if (fault?.CutAfterBytes is { } cut && cut >= sent) stop = Math.Min(stop, cut);
        if (fault?.StallAfterBytes is { } stall && stall >= sent) stop = Math.Min(stop, stall);
        if (fault?.Gate is { } gate && gate.AfterBytes >= sent) stop = Math.Min(stop, gate.AfterBytes);
        return stop;
    }

    private static async Task StopAsync(HttpContext http, long sent, HubFault fault, CancellationToken cancellationToken)
    {
        await http.Response.Body.FlushAsync(cancellationToken);
        if (fault.CutAfterBytes == sent)
        {
            if (fault.Reset) http.Features.Get<IConnectionSocketFeature>()?.Socket.Close(timeout: 0);
            else await Task.Delay(100, cancellationToken); // an abort destroys what lies unsent: let it arrive first
            http.Abort();
        }
        else if (fault.Gate is { } gate && gate.AfterBytes == sent) await gate.PassAsync(cancellationToken);
        else await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private static void Fill(Microsoft.Win32.SafeHandles.SafeFileHandle handle, Span<byte> buffer, long offset, HubFile file, HubFault? fault)
    {
        for (var filled = 0; filled < buffer.Length;)
        {
            var read = RandomAccess.Read(handle, buffer[filled..], offset + filled);
            if (read == 0)
            {
                buffer[filled..].Fill((byte)'+'); // more than the file has
                break;
            }
            filled += read;
        }
        if (fault?.FlipBitAt is not { } flip) return;
        var at = (flip < 0 ? file.SizeBytes + flip : flip) - offset;
        if (at >= 0 && at < buffer.Length) buffer[(int)at] ^= 1;
    }

    // One range of bytes; several are answered like none.
    private static (long Start, long Length, bool IsPartial)? PickRange(HttpContext http, HubFile file, string etag)
    {
        var header = http.Request.Headers.Range.ToString();
        var ifRange = http.Request.Headers.IfRange.ToString();
        if (header.Length == 0 || (ifRange.Length > 0 && ifRange != etag) || !header.StartsWith("bytes=", StringComparison.Ordinal) || header.Contains(','))
            return (0, file.SizeBytes, false);
        var ends = header["bytes=".Length..].Split('-');
        if (ends.Length != 2) return (0, file.SizeBytes, false);
        if (ends[0].Length == 0)
        {
            var suffix = Math.Min(long.Parse(ends[1], CultureInfo.InvariantCulture), file.SizeBytes);
            return suffix == 0 ? null : (file.SizeBytes - suffix, suffix, true);
        }
        var start = long.Parse(ends[0], CultureInfo.InvariantCulture);
        if (start >= file.SizeBytes) return null;
        var end = ends[1].Length == 0 ? file.SizeBytes - 1 : Math.Min(long.Parse(ends[1], CultureInfo.InvariantCulture), file.SizeBytes - 1);
        return end < start ? (0, file.SizeBytes, false) : (start, end - start + 1, true);
    }

    /// <summary>Faults that replace the whole answer. True: answered.</summary>
    internal static async Task<bool> TryReplaceAsync(HttpContext http, HubFault? fault)
    {
        if (fault is null) return false;
        if (fault.Drop)
        {
            http.Abort();
            return true;
        }
        if (fault.RedirectTo is { } target)
        {
            var self = $"{http.Request.Path}{http.Request.QueryString}";
            http.Response.StatusCode = 302;
            http.Response.Headers.Location = target.Replace("{self}", self, StringComparison.Ordinal)
                .Replace("{next}", $"{http.Request.Path}?hop={Interlocked.Increment(ref _etags)}", StringComparison.Ordinal);
            return true;
        }
        if (fault.Status is not { } status) return false;
        if (fault.DelayMs > 0) await Task.Delay(fault.DelayMs, http.RequestAborted);
        http.Response.StatusCode = status;
        if (fault.RetryAfter is { } retryAfter) http.Response.Headers.RetryAfter = retryAfter;
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(fault.StatusBody ?? $"{{\"error\":\"fault {status}\"}}"), http.RequestAborted);
        return true;
    }
}
