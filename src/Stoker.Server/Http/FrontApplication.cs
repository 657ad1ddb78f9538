using System.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Server.Http;

/// <summary>
/// What happens to a request, in order: who calls, which route, may they, does the body say it is JSON, the endpoint; and whatever
/// goes wrong becomes one error envelope. Kestrel's application, without a container or middleware between.
/// </summary>
internal sealed class FrontApplication(RouteTable routes, HttpOptions options, HttpMetrics metrics, ILogger logger)
    : IHttpApplication<DefaultHttpContext>
{
    private readonly RequestGate _gate = new(options);

    public DefaultHttpContext CreateContext(IFeatureCollection contextFeatures) => new(contextFeatures);

    public void DisposeContext(DefaultHttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(DefaultHttpContext context)
    {
        var started = Stopwatch.GetTimestamp();
        var trust = context.Features.Get<CallerFeature>()?.Trust ?? CallerTrust.Network;
        var match = routes.Find(context.Request.Method, context.Request.Path.Value ?? "/", trust);
        // Only templates of ours go into logs and metrics: what clients invent would fill both.
        var route = match.Route?.Template ?? "(none)";
        using var active = metrics.Begin();
        try
        {
            await AnswerAsync(context, trust, match);
        }
        catch (Exception exception)
        {
            await FailAsync(context, route, exception);
        }
        var elapsed = Stopwatch.GetElapsedTime(started);
        metrics.Answered(route, context.Request.Method, context.Response.StatusCode, elapsed);
        HttpLog.Answered(logger, Method(context), route, context.Response.StatusCode, Math.Round(elapsed.TotalMilliseconds, 1));
    }

    private async Task AnswerAsync(DefaultHttpContext context, CallerTrust trust, RouteMatch match)
    {
        var request = context.Request;
        if (_gate.CheckCaller(request, trust, match.Route?.Exposure, context.Connection.LocalIpAddress) is { } refusal)
        {
            await ErrorResponse.WriteAsync(context, refusal);
            return;
        }
        if (trust == CallerTrust.Network) RequestGate.AllowOrigin(request, context.Response);
        if (RequestGate.IsPreflight(request))
        {
            RequestGate.AnswerPreflight(context.Response);
            return;
        }
        if (match.Route is not { } route)
        {
            await RefuseRouteAsync(context, match);
            return;
        }
        if (trust < route.Needs)
            throw new StokerException(ErrorKind.Forbidden, "Only the daemon's own user and root may do that.");
        var mayHaveBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        if (RequestGate.CheckBody(request, mayHaveBody, match.Route?.BodyType ?? RequestBody.JsonType) is { } wrongBody)
        {
            await ErrorResponse.WriteAsync(context, wrongBody, StatusCodes.Status415UnsupportedMediaType);
            return;
        }
        var call = new HttpCall(context, trust, match.Value, options.Limits, options.ScopeSecret);
        await route.Handle(call);
        if (call.FailedMidway is { } failure) Log(context, route.Template, failure);
    }

    private static Task RefuseRouteAsync(DefaultHttpContext context, RouteMatch match)
    {
        var method = Method(context);
        var path = Printable.Short(context.Request.Path.Value);
        if (match.Allow is null)
            return ErrorResponse.WriteAsync(context, new RequestException(ErrorKind.NotFound, $"There is no {method} {path} here.", code: "unknown_route"));
        context.Response.Headers.Allow = match.Allow;
        var wrong = new RequestException(ErrorKind.InvalidInput, $"{path} takes {match.Allow}, not {method}.", code: "method_not_allowed");
        return ErrorResponse.WriteAsync(context, wrong, StatusCodes.Status405MethodNotAllowed);
    }

    /// <summary>The root for exceptions: nothing a request does ends more than that request.</summary>
    private async Task FailAsync(DefaultHttpContext context, string route, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested) return;
        var known = exception switch
        {
            StokerException stoker => stoker,
            BadHttpRequestException bad => new RequestException(ErrorMapping.FromStatus(bad.StatusCode), bad.StatusCode == 413
                ? $"The body is over the limit of {options.Limits.MaxBodyBytes} bytes (--max-body)."
                : Printable.Short(bad.Message)),
            OperationCanceledException => new StokerException(ErrorKind.Cancelled, "The request was cancelled.", exception),
            _ => null,
        };
        Log(context, route, known ?? exception);
        if (context.Response.HasStarted)
        {
            // Half an answer is out; only a cut connection tells the client that it is not whole.
            context.Abort();
            return;
        }
        try
        {
            context.Response.Clear();
            RequestGate.AllowOrigin(context.Request, context.Response);
            await ErrorResponse.WriteAsync(context, known ?? exception, exception is BadHttpRequestException { StatusCode: var status } ? status : null);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // The client left while it was told.
        }
    }

    private void Log(DefaultHttpContext context, string route, Exception exception)
    {
        if (exception is OperationCanceledException) return;
        if (exception is not StokerException known) HttpLog.Defect(logger, Method(context), route, exception);
        else if (ErrorMapping.Of(known.Kind).Status >= 500) HttpLog.Failed(logger, LevelOf(known.Kind), Method(context), route, known.Kind.ToString(), known.Message);
    }

    // A full queue is a busy day, not a fault: clients that come back at once would fill the log.
    private static LogLevel LevelOf(ErrorKind kind) => kind == ErrorKind.Busy ? LogLevel.Debug : LogLevel.Warning;

    private static string Method(DefaultHttpContext context) => Printable.Short(context.Request.Method, 20);
}
