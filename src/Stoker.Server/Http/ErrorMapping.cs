using Stoker.Core.Errors;
using Stoker.Server.Http.Contracts;

namespace Stoker.Server.Http;

/// <summary>What a kind of error is in HTTP and in OpenAI's words. The only place that says so; total over the kinds.</summary>
public static class ErrorMapping
{
    /// <summary>Status, OpenAI's <c>type</c> and <c>code</c>.</summary>
    public static (int Status, string Type, string Code) Of(ErrorKind kind) => kind switch
    {
        ErrorKind.InvalidInput => (400, "invalid_request_error", "invalid_request"),
        ErrorKind.ContextOverflow => (400, "invalid_request_error", "context_length_exceeded"),
        ErrorKind.Unsupported => (400, "invalid_request_error", "unsupported"),
        ErrorKind.Unauthorized => (401, "invalid_request_error", "invalid_api_key"),
        ErrorKind.Forbidden => (403, "permission_error", "forbidden"),
        ErrorKind.NotFound => (404, "invalid_request_error", "not_found"),
        ErrorKind.Conflict => (409, "conflict_error", "conflict"),
        ErrorKind.TooLarge => (413, "invalid_request_error", "too_large"),
        ErrorKind.Cancelled => (499, "cancelled_error", "cancelled"),
        ErrorKind.Internal => (500, "server_error", "internal_error"),
        ErrorKind.Io => (500, "server_error", "io_error"),
        ErrorKind.Corrupt => (500, "server_error", "corrupt_data"),
        ErrorKind.Network => (502, "server_error", "origin_failed"),
        ErrorKind.Busy => (503, "server_error", "busy"),
        ErrorKind.Unavailable => (503, "server_error", "unavailable"),
        ErrorKind.OutOfMemory => (503, "server_error", "out_of_memory"),
        ErrorKind.Timeout => (504, "server_error", "timeout"),
        ErrorKind.OutOfSpace => (507, "server_error", "out_of_space"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "A kind of error that has no status."),
    };

    /// <summary>The kind that a status of Kestrel's own means (a malformed or over-long request).</summary>
    public static ErrorKind FromStatus(int status) => status switch
    {
        401 => ErrorKind.Unauthorized,
        403 => ErrorKind.Forbidden,
        404 => ErrorKind.NotFound,
        408 => ErrorKind.Timeout,
        413 or 414 or 431 => ErrorKind.TooLarge,
        >= 400 and < 500 => ErrorKind.InvalidInput,
        _ => ErrorKind.Internal,
    };

    /// <summary>The envelope of an exception. A defect's own words stay in the log.</summary>
    public static ErrorEnvelope Envelope(Exception exception)
    {
        var stoker = exception as StokerException ?? new StokerException(ErrorKind.Internal, "A defect of Stoker ended this request; the daemon's log has the details (stoker logs).");
        return Envelope(stoker.Kind, stoker.Message, (stoker as RequestException)?.Param, (stoker as RequestException)?.Code);
    }

    public static ErrorEnvelope Envelope(ErrorKind kind, string message, string? param = null, string? code = null)
    {
        var (_, type, ownCode) = Of(kind);
        return new ErrorEnvelope(new ErrorBody { Message = message, Type = type, Param = param, Code = code ?? ownCode, Kind = kind });
    }
}
