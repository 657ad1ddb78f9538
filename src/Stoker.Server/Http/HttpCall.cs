using Microsoft.AspNetCore.Http;
using Stoker.Core.Models;

namespace Stoker.Server.Http;

/// <summary>One request on its way to its endpoint.</summary>
public sealed class HttpCall
{
    internal HttpCall(HttpContext http, CallerTrust trust, string? routeValue, HttpLimits limits, Func<ReadOnlyMemory<byte>> scopeSecret)
    {
        _scopeSecret = scopeSecret;
        Http = http;
        Trust = trust;
        RouteValue = routeValue;
        Limits = limits;
    }

    private readonly Func<ReadOnlyMemory<byte>> _scopeSecret;

    /// <summary>Of whoever calls through the Unix socket.</summary>
    public const string OwnerScope = "";

    public HttpContext Http { get; }

    /// <summary>How the caller reached us.</summary>
    public CallerTrust Trust { get; }

    /// <summary>
    /// Whose conversations the caller may see: the owner's (the Unix socket), a key's (one word for each key, never the key), or
    /// those of everybody without one.
    /// </summary>
    /// <exception cref="Core.Errors.StokerException">Io: of a key, where the home's secret can be neither read nor made.</exception>
    public string Scope => Trust != CallerTrust.Network ? OwnerScope
        : ApiKeyCheck.Offered(Http.Request.Headers.Authorization, Http.Request.Headers["x-api-key"]) is { Length: > 0 } key ? ApiKeyCheck.ScopeOf(key, _scopeSecret().Span)
        : "network";

    /// <summary>What stood in the path where the route has a hole, unescaped; null when it has none.</summary>
    public string? RouteValue { get; }

    public HttpLimits Limits { get; }

    /// <summary>Set when the client has gone, or the daemon ends.</summary>
    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>What ended a stream midway, of which the client was told in the stream; for the log.</summary>
    public Exception? FailedMidway { get; set; }

    /// <summary>The query's value, or null when it is absent or empty.</summary>
    public string? Query(string name) => Http.Request.Query.TryGetValue(name, out var values) && values is [{ Length: > 0 } value, ..] ? value : null;
}
