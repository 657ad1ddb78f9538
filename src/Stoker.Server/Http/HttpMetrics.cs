using System.Globalization;

namespace Stoker.Server.Http;

/// <summary>What the front counts. Thread-safe.</summary>
public sealed class HttpMetrics
{
    private readonly MetricCounter _requests;
    private readonly MetricHistogram _seconds;
    private int _active;
    private long _answered;

    public HttpMetrics(MetricRegistry registry)
    {
        _requests = registry.Counter("stoker_http_requests_total", "Requests answered.", "route", "method", "status");
        _seconds = registry.Histogram("stoker_http_request_seconds", "From a request's headers to the end of its answer.", [0.005, 0.05, 0.5, 5, 50, 500], "route");
        registry.Gauge("stoker_http_requests_active", "Requests being answered.", () => [("", Volatile.Read(ref _active))]);
    }

    /// <summary>Requests being answered.</summary>
    public int ActiveCount => Volatile.Read(ref _active);

    /// <summary>Requests answered since the start.</summary>
    public long AnsweredCount => Interlocked.Read(ref _answered);

    internal ActiveRequest Begin()
    {
        Interlocked.Increment(ref _active);
        return new ActiveRequest(this);
    }

    internal void Answered(string route, string method, int status, TimeSpan elapsed)
    {
        Interlocked.Increment(ref _answered);
        // A method that clients invented is no label.
        if (method is not ("GET" or "POST" or "DELETE" or "HEAD" or "OPTIONS")) method = "other";
        _requests.Add(1, route, method, status.ToString(CultureInfo.InvariantCulture));
        _seconds.Observe(elapsed.TotalSeconds, route);
    }

    internal readonly struct ActiveRequest(HttpMetrics metrics) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref metrics._active);
    }
}
