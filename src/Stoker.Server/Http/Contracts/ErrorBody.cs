using Stoker.Core.Errors;

namespace Stoker.Server.Http.Contracts;

/// <summary>The body of every error: OpenAI's envelope, with our own kind in it for clients that are ours.</summary>
public sealed record ErrorEnvelope(ErrorBody Error);

/// <summary>One error, for people and for programs.</summary>
public sealed record ErrorBody
{
    /// <summary>What, where, what to do.</summary>
    public required string Message { get; init; }

    /// <summary>OpenAI's family, e.g. <c>invalid_request_error</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The field that is wrong, or null.</summary>
    public string? Param { get; init; }

    /// <summary>OpenAI's word for it, e.g. <c>model_not_found</c>, or null.</summary>
    public string? Code { get; init; }

    /// <summary>Stoker's word for it; exit codes derive from it.</summary>
    public required ErrorKind Kind { get; init; }
}
