using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stoker.Core.Errors;
using Stoker.Server.Http.Contracts;

namespace Stoker.Server.Http;

/// <summary>Writes an error as the whole answer.</summary>
public static class ErrorResponse
{
    /// <param name="status">Another status than the kind's, or null (405 and 415 have no kind of their own).</param>
    public static Task WriteAsync(HttpContext http, Exception exception, int? status = null)
    {
        var kind = (exception as StokerException)?.Kind ?? ErrorKind.Internal;
        // Over HTTP a wait is whole seconds, and never "at once": the same call would come back in the same millisecond.
        if ((exception as StokerException)?.RetryAfter is { } wait)
            http.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        else if (kind is ErrorKind.Busy or ErrorKind.Unavailable)
            http.Response.Headers.RetryAfter = "5";
        if (kind == ErrorKind.Unauthorized) http.Response.Headers.WWWAuthenticate = "Bearer";
        return WriteAsync(http, ErrorMapping.Envelope(exception), status ?? ErrorMapping.Of(kind).Status);
    }

    private static async Task WriteAsync(HttpContext http, ErrorEnvelope envelope, int status)
    {
        var body = JsonResponse.Serialize(envelope, HttpJson.Default.ErrorEnvelope);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        if (http.Request.Method == HttpMethods.Head) return;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }
}
