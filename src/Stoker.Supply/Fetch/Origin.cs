using System.Globalization;
using System.Net;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>
/// One place that has the blob. Redirects are resolved once and the result is used for every range; an address that is refused
/// (401, 403, 404, 410: a signature that expired) is resolved anew. Thread-safe.
/// </summary>
internal sealed class Origin(Uri address, SourceSession session, int number) : IDisposable
{
    private readonly SemaphoreSlim _resolving = new(1, 1);
    private SourceHop? _resolved;
    private int _failures;
    private long _restsUntil;

    /// <summary>Its place in the list of origins.</summary>
    internal int Number { get; } = number;

    /// <summary>For messages: without query.</summary>
    internal string Shown { get; } = SourceSession.Shown(address);

    /// <summary>Who gives the bytes, for progress.</summary>
    internal string Host { get; } = address.Scheme == S3Address.Scheme ? $"{S3Address.Scheme}://{address.Host}" : address.Authority;

    /// <summary>Why it is not asked any more, or null.</summary>
    internal string? DroppedBecause { get; private set; }

    internal bool IsLive => DroppedBecause is null;

    /// <summary>Connections that receive from it now.</summary>
    internal int ActiveCount;

    /// <summary>The best rate that one connection to it kept for some seconds.</summary>
    internal double BestBytesPerSecond { get; set; }

    /// <summary>What its answers must agree with: each place has a tag of its own for the same bytes.</summary>
    internal Validators? Known { get; set; }

    /// <summary>Not to be asked before, as long as another can be.</summary>
    internal DateTimeOffset RestsUntil
    {
        get => new(Interlocked.Read(ref _restsUntil), TimeSpan.Zero);
        set => Interlocked.Exchange(ref _restsUntil, value.UtcTicks);
    }

    /// <summary>Failures since it last gave a whole chunk, as far as they were counted.</summary>
    internal int FailureCount => Volatile.Read(ref _failures);

    /// <summary>One more; returns how many.</summary>
    internal int CountFailure() => Interlocked.Increment(ref _failures);

    internal void ClearFailures() => Interlocked.Exchange(ref _failures, 0);

    internal void Drop(string because) => DroppedBecause ??= because;

    /// <summary>It was not the one.</summary>
    internal void Clear() => DroppedBecause = null;

    /// <summary>Asks for bytes from <paramref name="first"/> to <paramref name="last"/> (inclusive; null: to the end; both null: no range).</summary>
    /// <returns>A 200, 206 or 416; anything else is a <see cref="SourceException"/>.</returns>
    internal async Task<SourceResponse> AskAsync(long? first, long? last, string? ifRange, CancellationToken cancellationToken)
    {
        var known = Volatile.Read(ref _resolved);
        if (known is null)
        {
            // Whoever comes first resolves; the others wait for the result and do not ask the hub as well.
            await _resolving.WaitAsync(cancellationToken);
            try
            {
                known = Volatile.Read(ref _resolved);
                if (known is null) return await ResolveAsync(first, last, ifRange, cancellationToken);
            }
            finally
            {
                _resolving.Release();
            }
        }
        try
        {
            return await session.GetAgainAsync(known, Headers(first, last, ifRange), Accepts, cancellationToken);
        }
        catch (SourceException refused) when (known.WasRedirected && refused.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.Gone)
        {
            Interlocked.CompareExchange(ref _resolved, null, known);
            await _resolving.WaitAsync(cancellationToken);
            try
            {
                if (Volatile.Read(ref _resolved) is { } renewed && renewed != known)
                    return await session.GetAgainAsync(renewed, Headers(first, last, ifRange), Accepts, cancellationToken);
                return await ResolveAsync(first, last, ifRange, cancellationToken);
            }
            finally
            {
                _resolving.Release();
            }
        }
    }

    public void Dispose() => _resolving.Dispose();

    private async Task<SourceResponse> ResolveAsync(long? first, long? last, string? ifRange, CancellationToken cancellationToken)
    {
        var response = await session.GetAsync(address, Headers(first, last, ifRange), Accepts, cancellationToken);
        Volatile.Write(ref _resolved, response.Hop);
        return response;
    }

    private static Action<System.Net.Http.Headers.HttpRequestHeaders>? Headers(long? first, long? last, string? ifRange) => first is not { } from
        ? null
        : headers =>
        {
            headers.TryAddWithoutValidation("Range", string.Create(CultureInfo.InvariantCulture, $"bytes={from}-{last}"));
            if (ifRange is not null) headers.TryAddWithoutValidation("If-Range", ifRange);
        };

    private static bool Accepts(HttpStatusCode status) => status == HttpStatusCode.RequestedRangeNotSatisfiable;
}
