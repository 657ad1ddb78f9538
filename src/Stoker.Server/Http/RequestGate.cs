using System.Net;
using Microsoft.AspNetCore.Http;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Server.Http;

/// <summary>
/// What every request passes before its route is looked at. Over TCP: a Host that names us, an Origin that is ours or allowed, a
/// key where one is configured. Everywhere: a body only as what the route takes, which is JSON but for files. Pure: it decides and writes nothing.
/// </summary>
public sealed class RequestGate(HttpOptions options)
{
    private readonly HostCheck _hosts = new(options.AllowedHosts);
    private readonly OriginCheck _origins = new(options.AllowedOrigins);
    private readonly ApiKeyCheck _keys = new(options.ApiKeys);

    /// <summary>Null: it may pass.</summary>
    /// <param name="exposure">Of the route that it found, or null when it found none.</param>
    public StokerException? CheckCaller(HttpRequest request, CallerTrust trust, Exposure? exposure, IPAddress? local)
    {
        if (trust != CallerTrust.Network) return null;
        if (!_hosts.IsAllowed(request.Host, local))
        {
            return new RequestException(ErrorKind.Forbidden,
                $"The Host header '{Printable.Short(request.Host.Value)}' does not name this server. Call it by a loopback name or its address, or start it with --allow-host.", code: "host_not_allowed");
        }
        if (!_origins.IsAllowed(Origin(request), request.Scheme, request.Host))
        {
            return new RequestException(ErrorKind.Forbidden,
                $"Web pages from '{Printable.Short(Origin(request))}' may not call this server. Start it with --allow-origin to let them.", code: "origin_not_allowed");
        }
        if (exposure == Exposure.Public || IsPreflight(request) || _keys.IsAllowed(request.Headers.Authorization, request.Headers["x-api-key"])) return null;
        return new StokerException(ErrorKind.Unauthorized, "An API key is needed: send it as 'Authorization: Bearer KEY'.");
    }

    /// <summary>Null: the body may be read.</summary>
    /// <param name="type">What the route takes; none that a stranger's page can send without asking.</param>
    public static RequestException? CheckBody(HttpRequest request, bool mayHaveBody, string type = RequestBody.JsonType) =>
        !mayHaveBody || RequestBody.Is(request, type)
            ? null
            : new RequestException(ErrorKind.InvalidInput,
                $"The body must be sent as Content-Type: {type}, not '{Printable.Short(request.ContentType ?? "nothing")}'.", code: "unsupported_media_type");

    /// <summary>True: a browser asks whether it may send the real call. It is answered without a key, which browsers do not send here.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        request.Method == HttpMethods.Options && Origin(request) is not null && request.Headers.ContainsKey("Access-Control-Request-Method");

    /// <summary>For a page that may call: what lets its browser show it the answer.</summary>
    public static void AllowOrigin(HttpRequest request, HttpResponse response)
    {
        if (Origin(request) is not { } origin) return;
        response.Headers.AccessControlAllowOrigin = origin;
        response.Headers.Vary = "Origin";
    }

    public static void AnswerPreflight(HttpResponse response)
    {
        response.StatusCode = 204;
        response.Headers.AccessControlAllowMethods = "GET, POST";
        response.Headers.AccessControlAllowHeaders = "authorization, content-type, x-api-key";
        response.Headers.AccessControlMaxAge = "600";
    }

    private static string? Origin(HttpRequest request) => request.Headers.Origin is [{ } origin, ..] ? origin : null;
}
