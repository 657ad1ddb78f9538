using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>What an origin's failure means for the user: what, where, and what to do.</summary>
internal static class SourceErrors
{
    private const int MaxBody = 512;

    internal static StokerException OfTransport(Exception failed, Uri address)
    {
        var shown = SourceSession.Shown(address);
        for (Exception? inner = failed; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case StokerException ours:
                    return ours;
                case AuthenticationException tls:
                    return new SourceException(ErrorKind.Network, $"The certificate of {address.Host} was refused: {Printable.Short(tls.Message)} A private authority is named by STOKER_CA_FILE.", canRetry: false, failed);
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } unknown:
                    return new SourceException(ErrorKind.Network, $"The name {address.Host} could not be resolved; is this machine online?", canRetry: true, unknown);
                case SocketException refused:
                    return new SourceException(ErrorKind.Network, $"{address.Host}:{address.Port} could not be reached: {refused.Message}.", canRetry: true, failed);
            }
        }
        return new SourceException(ErrorKind.Network, $"{shown} failed: {Printable.Short(failed.Message)}", canRetry: true, failed);
    }

    internal static async Task<SourceException> OfStatusAsync(HttpResponseMessage response, Uri address, SourceSession session, CancellationToken cancellationToken)
    {
        var status = response.StatusCode;
        var shown = SourceSession.Shown(address);
        var said = await SaidAsync(response, cancellationToken);
        var (kind, message) = session.IsRegistry(address) ? OfRegistry(status, address)
            : IsHubs(address, session.Access.HuggingFaceEndpoint) ? OfHuggingFace(response, address, session.Access)
            : (null, null);
        var isExplained = kind is not null;
        (kind, message) = kind is not null ? (kind, message) : status switch
        {
            HttpStatusCode.NotFound or HttpStatusCode.Gone => (ErrorKind.NotFound, $"{shown} does not exist ({(int)status})."),
            HttpStatusCode.Unauthorized => (ErrorKind.Unauthorized, $"{shown} wants credentials (401)."),
            HttpStatusCode.Forbidden when session.UsesS3 => (ErrorKind.Forbidden, $"{shown} is forbidden (403): check the keys (AWS_ACCESS_KEY_ID, AWS_PROFILE), what they may do, and this machine's clock."),
            HttpStatusCode.Forbidden => (ErrorKind.Forbidden, $"{shown} is forbidden (403); a signed address may have expired."),
            HttpStatusCode.TooManyRequests => (ErrorKind.Network, $"{address.Host} says that there were too many requests (429); try again later."),
            _ => (ErrorKind.Network, $"{shown} answered {(int)status} {Printable.Short(response.ReasonPhrase, 40)}."),
        };
        return new SourceException(kind!.Value, said.Length > 0 && !isExplained ? $"{message} It says: {said}" : message!, RetryPolicy.IsTransient(status))
        {
            Status = status,
            RetryAfter = RetryAfter(response, session.Options.Time),
        };
    }

    internal static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        if (response.Headers.RetryAfter is not { } header) return null;
        var wait = header.Delta ?? (header.Date - time.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    // The hub's own codes: X-Error-Code is RepoNotFound, RevisionNotFound, EntryNotFound or GatedRepo.
    private static (ErrorKind? Kind, string? Message) OfHuggingFace(HttpResponseMessage response, Uri address, SourceAccess access)
    {
        var code = response.Headers.TryGetValues("X-Error-Code", out var codes) ? codes.FirstOrDefault() : null;
        var repo = RepoOf(address, access.HuggingFaceEndpoint);
        var page = new Uri(access.HuggingFaceEndpoint, repo).AbsoluteUri;
        return (response.StatusCode, code) switch
        {
            (_, "GatedRepo") when access.HuggingFaceToken is null =>
                (ErrorKind.Unauthorized, $"{repo} is gated: accept its licence at {page}, then set HF_TOKEN to a token of that account."),
            (_, "GatedRepo") =>
                (ErrorKind.Forbidden, $"{repo} is gated and this token's account has no access yet: accept its licence at {page}, or check which account HF_TOKEN belongs to."),
            (_, "RevisionNotFound") => (ErrorKind.NotFound, $"{repo} has no such revision: check what stands after '@'."),
            (_, "EntryNotFound") => (ErrorKind.NotFound, $"{repo} has no such file: {SourceSession.Shown(address)}."),
            (HttpStatusCode.Unauthorized, _) when access.HuggingFaceToken is not null && code != "RepoNotFound" =>
                (ErrorKind.Unauthorized, $"The hub refuses the token in HF_TOKEN (or in HF_HOME's token file) for {repo}: make a new one."),
            (HttpStatusCode.Unauthorized or HttpStatusCode.NotFound, _) when access.HuggingFaceToken is null =>
                (ErrorKind.NotFound, $"{repo} does not exist on {access.HuggingFaceEndpoint.Host}, or it is private: check the name; a private or gated one needs HF_TOKEN."),
            (HttpStatusCode.Unauthorized or HttpStatusCode.NotFound, _) =>
                (ErrorKind.NotFound, $"{repo} does not exist on {access.HuggingFaceEndpoint.Host}, or this token may not see it: check the name and HF_TOKEN."),
            (HttpStatusCode.Forbidden, _) =>
                (ErrorKind.Forbidden, $"{repo} is not open to this {(access.HuggingFaceToken is null ? "caller; set HF_TOKEN" : "token; check HF_TOKEN and the licence at " + page)}."),
            _ => (null, null),
        };
    }

    private static (ErrorKind? Kind, string? Message) OfRegistry(HttpStatusCode status, Uri address) => status switch
    {
        HttpStatusCode.NotFound => (ErrorKind.NotFound, $"The registry {address.Host} has no {Printable.Short(address.AbsolutePath)}: check the model's name and tag."),
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => (ErrorKind.Unauthorized, $"The registry {address.Host} does not give {Printable.Short(address.AbsolutePath)} to this caller: it may be private or not exist."),
        _ => (null, null),
    };

    // The hub's own interface and files; other things may lie on the same host.
    private static bool IsHubs(Uri address, Uri endpoint) =>
        SourceSession.SameOrigin(address, endpoint)
        && (address.AbsolutePath.StartsWith(endpoint.AbsolutePath + "api/models/", StringComparison.Ordinal) || address.AbsolutePath.Contains("/resolve/", StringComparison.Ordinal));

    private static string RepoOf(Uri address, Uri endpoint)
    {
        var path = address.AbsolutePath;
        if (path.StartsWith(endpoint.AbsolutePath, StringComparison.Ordinal)) path = path[endpoint.AbsolutePath.Length..];
        if (path.StartsWith("api/models/", StringComparison.Ordinal)) path = path["api/models/".Length..];
        return Printable.Short(string.Join('/', path.Split('/').Take(2)));
    }

    // The beginning of a short plain or JSON body; a page of HTML says nothing to a terminal.
    private static async Task<string> SaidAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var type = response.Content.Headers.ContentType?.MediaType;
        if (type is not ("text/plain" or "application/json")) return "";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(limit.Token);
            var buffer = new byte[MaxBody];
            var read = await stream.ReadAtLeastAsync(buffer, MaxBody, throwOnEndOfStream: false, limit.Token);
            return Printable.Short(System.Text.Encoding.UTF8.GetString(buffer, 0, read).Trim(), 160);
        }
        catch (Exception unread) when (unread is IOException or HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return "";
        }
    }
}
