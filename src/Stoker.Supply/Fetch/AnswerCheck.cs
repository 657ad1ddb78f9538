using System.Net;
using Stoker.Core.Errors;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>What an origin's headers promise.</summary>
internal abstract record Answer
{
    /// <summary>206: these bytes, and no others.</summary>
    /// <param name="First">As asked.</param>
    /// <param name="Last">Inclusive; may be before what was asked.</param>
    /// <param name="Validators">Of this answer; its size is the total of Content-Range.</param>
    internal sealed record Part(long First, long Last, Validators Validators) : Answer;

    /// <summary>200: everything from the first byte.</summary>
    /// <param name="Validators">Of this answer; its size may be null (chunked).</param>
    /// <param name="IsGzip">The body is compressed.</param>
    internal sealed record Whole(Validators Validators, bool IsGzip) : Answer;

    /// <summary>416 for a blob of no bytes.</summary>
    internal sealed record Empty : Answer;

    /// <summary>The content is not what it was before.</summary>
    internal sealed record Changed(Validators Now) : Answer;

    /// <summary>Nothing that may be used.</summary>
    internal sealed record Refused(FetchFailure Failure) : Answer;
}

/// <summary>Judges an answer's status and headers before a byte of its body is taken. Pure.</summary>
internal static class AnswerCheck
{
    /// <param name="message">200, 206 or 416.</param>
    /// <param name="asked">First and last byte asked for, or null when no range was asked for.</param>
    /// <param name="known">What earlier answers, the journal or the manifest said.</param>
    /// <param name="shown">The origin, for messages.</param>
    /// <param name="mayBeHtml">The file's own name or digest makes a page of HTML acceptable.</param>
    internal static Answer Judge(HttpResponseMessage message, (long First, long? Last)? asked, Validators known, string shown, bool mayBeHtml)
    {
        var headers = message.Content.Headers;
        var range = headers.TryGetValues("Content-Range", out var texts) && ContentRange.TryParse(texts.FirstOrDefault(), out var parsed) ? parsed : null;
        var tag = message.Headers.TryGetValues("ETag", out var tags) ? tags.FirstOrDefault() : null;
        var modified = headers.TryGetValues("Last-Modified", out var dates) ? dates.FirstOrDefault() : null;

        if (message.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return JudgeUnsatisfied(range, known, shown);
        var coded = headers.ContentEncoding.Where(static coding => !coding.Equals("identity", StringComparison.OrdinalIgnoreCase)).ToList();
        var isGzip = coded.Count == 1 && coded[0].Equals("gzip", StringComparison.OrdinalIgnoreCase);
        if (coded.Count > 0 && !isGzip) return Wrong($"{shown} sends the file {Printable.Short(string.Join(", ", coded), 40)}-coded, though that was not asked for.");
        if (!mayBeHtml && headers.ContentType?.MediaType is "text/html" or "application/xhtml+xml")
            return Wrong($"{shown} answers with a web page instead of the file (is there a login in front of it?).");

        if (message.StatusCode == HttpStatusCode.PartialContent) return JudgePart(headers.ContentLength, range, asked, known, tag, modified, isGzip, shown);
        var whole = new Validators(tag, modified, isGzip ? null : headers.ContentLength);
        return known.Matches(whole) ? new Answer.Whole(whole, isGzip) : new Answer.Changed(whole);
    }

    private static Answer JudgePart(
        long? length, ContentRange? range, (long First, long? Last)? asked, Validators known, string? tag, string? modified, bool isGzip, string shown)
    {
        if (asked is not { } want) return Wrong($"{shown} answers with a part of the file though the whole was asked for.");
        if (range is not { IsUnsatisfied: false } part) return Wrong($"{shown} answers 206 without a Content-Range that can be read.");
        if (isGzip) return Wrong($"{shown} sends a part of a compressed file, which cannot be put together.");
        var now = new Validators(tag, modified, part.TotalBytes);
        if (!known.Matches(now)) return new Answer.Changed(now);
        if (part.First != want.First) return Wrong($"{shown} answers with bytes from {part.First:N0} where {want.First:N0} were asked for.");
        if (want.Last is { } last && part.Last > last) return Wrong($"{shown} answers with bytes up to {part.Last:N0} where {last:N0} were asked for.");
        if (length is { } body && body != part.LengthBytes)
            return new Answer.Refused(new FetchFailure(ErrorKind.Network, IsTransient: true, $"{shown} announces {part.LengthBytes:N0} bytes and sends {body:N0}."));
        return new Answer.Part(part.First, part.Last, now);
    }

    private static Answer JudgeUnsatisfied(ContentRange? range, Validators known, string shown)
    {
        if (range is not { TotalBytes: { } total }) return Wrong($"{shown} answers 416 without saying how long the file is.");
        if (known.SizeBytes is { } size && size != total) return new Answer.Changed(new Validators(null, null, total));
        return total == 0 ? new Answer.Empty() : Wrong($"{shown} refuses a range within the {total:N0} bytes that it says the file has.");
    }

    private static Answer Wrong(string message) => new Answer.Refused(new FetchFailure(ErrorKind.Network, IsTransient: false, message));

    /// <summary>A transport's or status' failure in the planner's words.</summary>
    internal static FetchFailure FailureOf(SourceException failed) => new(failed.Kind, failed.CanRetry, failed.Message.TrimEnd('.'))
    {
        RetryAfter = failed.RetryAfter,
        IsThrottle = failed.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable,
    };
}
