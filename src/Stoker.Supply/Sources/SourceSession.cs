using System.Net;
using System.Net.Http.Headers;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// One job's connections to origins. Follows redirects itself (at most 10, no loops), sends a token to the host it belongs to and
/// to no other, and turns what goes wrong into <see cref="SourceException"/>s. Thread-safe; disposed with the job.
/// </summary>
public sealed class SourceSession : IDisposable
{
    private const int MaxRedirects = 10;
    private static readonly string Version = typeof(SourceSession).Assembly.GetName().Version?.ToString(3) ?? "0";

    private readonly SourceProxy? _proxy;
    private readonly SourceConnector _connector;
    private readonly Lazy<SocketsHttpHandler> _handler; // nothing of these is loaded for what needs no network
    private readonly Lazy<HttpMessageInvoker> _client;
    private readonly RegistryTokens _registryTokens;
    private readonly SourceOptions _options;
    private readonly Lazy<S3Bucket> _s3;
    private readonly NamedAuthorities? _authorities;
    private IReadOnlyList<ILocalStore>? _localStores;

    public SourceSession(SourceAccess access, SourceOptions options)
    {
        Access = access;
        _options = options;
        _proxy = access is { Proxy: { } proxy, Offline: false } ? new SourceProxy(proxy, access.NoProxy) : null;
        _connector = new SourceConnector(access, _proxy, options.Allow, options.Resolve);
        _handler = new Lazy<SocketsHttpHandler>(MakeHandler);
        _client = new Lazy<HttpMessageInvoker>(() => new HttpMessageInvoker(_handler.Value, disposeHandler: false));
        _registryTokens = new RegistryTokens(this);
        _authorities = access.CaFile is { } path ? new NamedAuthorities(path) : null;
        _s3 = new Lazy<S3Bucket>(() => new S3Bucket(this, _handler.Value));
    }

    public SourceAccess Access { get; }

    /// <summary>S3, whose library is loaded at the first call.</summary>
    internal S3Bucket S3()
    {
        _authorities?.Read();
        return _s3.Value;
    }

    /// <summary>True once the job signed or asked for something there.</summary>
    internal bool UsesS3 => _s3.IsValueCreated;

    /// <summary>Other programs' models on this machine.</summary>
    internal IReadOnlyList<ILocalStore> LocalStores => _localStores ??=
    [
        .. Access.OllamaModels is { } ollama ? new ILocalStore[] { new OllamaStore(ollama) } : [],
        .. Access.HuggingFaceCache is { } cache ? new ILocalStore[] { new HuggingFaceCache(cache) } : [],
    ];

    /// <summary>Files outside the store that should have this content.</summary>
    internal IEnumerable<LocalCopy> CopiesOf(ManifestFile file) =>
        (_options.Copies is { } index ? LocalStores.Prepend(index) : LocalStores).SelectMany(copies => copies.Find(file));

    internal RetryPolicy Retry => _options.Retry;
    internal SourceOptions Options => _options;

    /// <summary>
    /// Sends a GET and returns when the headers are here; redirects are followed. Only 2xx comes back: the rest is an exception.
    /// </summary>
    /// <param name="address">Where.</param>
    /// <param name="setHeaders">Adds headers (Accept, Range), for each hop.</param>
    /// <param name="accept">Further statuses that come back instead of an exception.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SourceException">Network, Timeout, NotFound, Unauthorized, Forbidden …</exception>
    public async Task<SourceResponse> GetAsync(Uri address, Action<HttpRequestHeaders>? setHeaders, Func<HttpStatusCode, bool>? accept, CancellationToken cancellationToken)
    {
        // A signed address is as good as where a hub redirects to, and as short-lived: whoever keeps the hop asks anew when it is refused.
        var first = address.Scheme == S3Address.Scheme
            ? new SourceHop(await S3().SignAsync(address), MayAuthorize: false, FirstReach(), WasRedirected: true)
            : new SourceHop(address, MayAuthorize: true, FirstReach(), WasRedirected: false);
        return await GetAgainAsync(first, setHeaders, accept, cancellationToken);
    }

    /// <summary>As <see cref="GetAsync"/>, from where the redirects of an earlier answer ended.</summary>
    internal async Task<SourceResponse> GetAgainAsync(SourceHop start, Action<HttpRequestHeaders>? setHeaders, Func<HttpStatusCode, bool>? accept, CancellationToken cancellationToken)
    {
        var address = start.Address;
        var hop = start;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var redirects = 0; ; redirects++)
        {
            if (redirects > MaxRedirects) throw new SourceException(ErrorKind.Network, $"{Shown(address)} redirects more than {MaxRedirects} times.", canRetry: false);
            if (!seen.Add(hop.Address.AbsoluteUri)) throw new SourceException(ErrorKind.Network, $"{Shown(address)} redirects in a circle.", canRetry: false);
            var response = await SendAsync(hop, setHeaders, cancellationToken);
            if (IsRedirect(response.StatusCode) && response.Headers.Location is { } location)
            {
                var next = new Uri(hop.Address, location);
                response.Dispose();
                hop = Follow(hop, next);
                continue;
            }
            if (response.IsSuccessStatusCode || accept?.Invoke(response.StatusCode) == true) return new SourceResponse(response, hop.Address) { Hop = hop };
            using (response) throw await SourceErrors.OfStatusAsync(response, hop.Address, this, cancellationToken);
        }
    }

    /// <summary>A small document, read up to a limit.</summary>
    /// <exception cref="SourceException">Also TooLarge.</exception>
    public Task<SourceDocument> GetDocumentAsync(Uri address, int maxBytes, string? acceptType, CancellationToken cancellationToken) =>
        Retry.RunAsync(async token =>
        {
            using var response = await GetAsync(address, headers => { if (acceptType is not null) headers.TryAddWithoutValidation("Accept", acceptType); }, null, token);
            if (response.Message.Content.Headers.ContentLength > maxBytes) throw TooLarge(address, maxBytes);
            var body = new byte[Math.Min(maxBytes, 64 * 1024)];
            await using var stream = await response.OpenBodyAsync(_options.IdleTimeout, _options.Time, token);
            var length = 0;
            for (int read; (read = await stream.ReadAsync(body.AsMemory(length), token)) > 0;)
            {
                length += read;
                if (length < body.Length) continue;
                if (length == maxBytes && await stream.ReadAsync(new byte[1], token) > 0) throw TooLarge(address, maxBytes);
                Array.Resize(ref body, (int)Math.Min(maxBytes, (body.Length * 2L) + 1));
            }
            return new SourceDocument(body.AsSpan(0, length).ToArray(), response.Message.Headers.TryGetValues("Link", out var links) ? links.FirstOrDefault() : null);
        }, _options.Random, _options.Time, cancellationToken);

    public void Dispose()
    {
        if (_s3.IsValueCreated) _s3.Value.Dispose();
        if (_client.IsValueCreated) _client.Value.Dispose();
        if (_handler.IsValueCreated) _handler.Value.Dispose();
        _registryTokens.Dispose();
    }

    /// <summary>An address without its query, which may hold a signature.</summary>
    internal static string Shown(Uri address) => Printable.Short(address.GetLeftPart(UriPartial.Path), 200);

    internal static bool SameOrigin(Uri left, Uri right) =>
        left.Scheme == right.Scheme && left.Port == right.Port && left.Host.Equals(right.Host, StringComparison.OrdinalIgnoreCase);

    /// <summary>True for the registry's own interface; a hub may share its host.</summary>
    internal bool IsRegistry(Uri address) =>
        SameOrigin(address, Access.OllamaRegistry) && address.AbsolutePath.StartsWith(Access.OllamaRegistry.AbsolutePath + "v2/", StringComparison.Ordinal);

    /// <summary>One request, no redirect followed, no token but the given one; for the token endpoint of a registry.</summary>
    internal async Task<HttpResponseMessage> SendPlainAsync(Uri address, CancellationToken cancellationToken)
    {
        return await SendOnceAsync(new SourceHop(address, MayAuthorize: false, FirstReach(), WasRedirected: false), null, null, cancellationToken);
    }

    private SocketsHttpHandler MakeHandler()
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = _options.ConnectTimeout,
            ConnectCallback = _connector.ConnectAsync,
            MaxConnectionsPerServer = 64,
            MaxResponseHeadersLength = 64,
            // A body that is not wanted to its end costs a connection, not the wait for what is left of it.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            UseProxy = _proxy is not null,
            Proxy = _proxy,
        };
        if (_authorities is not null) handler.SslOptions = _authorities.Trusting();
        return handler;
    }

    private AddressReach FirstReach() =>
        Access.Trust == CallerTrust.Owner ? AddressReach.Owner with { PlainHttp = Access.ExpectedDigest is not null } : AddressReach.PublicOnly;

    private async Task<HttpResponseMessage> SendAsync(SourceHop hop, Action<HttpRequestHeaders>? setHeaders, CancellationToken cancellationToken)
    {
        var bearer = hop.MayAuthorize ? TokenFor(hop.Address) : null;
        var response = await SendOnceAsync(hop, bearer, setHeaders, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized || !hop.MayAuthorize || !IsRegistry(hop.Address)) return response;
        using (response)
        {
            bearer = await _registryTokens.FetchAsync(hop.Address, response, cancellationToken);
        }
        return await SendOnceAsync(hop, bearer, setHeaders, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendOnceAsync(SourceHop hop, string? bearer, Action<HttpRequestHeaders>? setHeaders, CancellationToken cancellationToken)
    {
        if (hop.Address.Scheme == Uri.UriSchemeHttps) _authorities?.Read();
        using var request = new HttpRequestMessage(HttpMethod.Get, hop.Address) { Version = _options.HttpVersion, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Options.Set(SourceConnector.ReachKey, hop.Reach);
        if (_connector.WhyNotProxied(request) is { } refusal) throw refusal;
        request.Headers.UserAgent.ParseAdd($"stoker/{Version}");
        request.Headers.AcceptEncoding.ParseAdd("identity");
        setHeaders?.Invoke(request.Headers);
        if (bearer is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        using var idle = new CancellationTokenSource(_options.IdleTimeout, _options.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Token);
        try
        {
            return await _client.Value.SendAsync(request, both.Token);
        }
        catch (OperationCanceledException) when (idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new SourceException(ErrorKind.Timeout, $"{Shown(hop.Address)} did not answer within {_options.IdleTimeout.TotalSeconds:0} s.", canRetry: true);
        }
        catch (Exception failed) when (failed is HttpRequestException or IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw SourceErrors.OfTransport(failed, hop.Address);
        }
    }

    private string? TokenFor(Uri address) =>
        IsRegistry(address) ? _registryTokens.For(address)
        : SameOrigin(address, Access.HuggingFaceEndpoint) ? Access.HuggingFaceToken
        : null;

    // A token stays with the host it was meant for, and once a redirect left that host it does not come back.
    private SourceHop Follow(SourceHop previous, Uri next)
    {
        if (next.Scheme != Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttp)
            throw new SourceException(ErrorKind.Forbidden, $"{Shown(previous.Address)} redirects to a {Printable.Short(next.Scheme, 20)}: address, which is not followed.", canRetry: false);
        if (next.UserInfo.Length > 0)
            throw new SourceException(ErrorKind.Forbidden, $"{Shown(previous.Address)} redirects to an address with a password in it, which is not followed.", canRetry: false);
        if (previous.Address.Scheme == Uri.UriSchemeHttps && next.Scheme == Uri.UriSchemeHttp)
            throw new SourceException(ErrorKind.Forbidden, $"{Shown(previous.Address)} redirects from https to plain http, which is not followed.", canRetry: false);
        if (SameOrigin(previous.Address, next)) return previous with { Address = next, WasRedirected = true };
        // A configured hub on this machine or in this network may hand on to its neighbours; any other may not.
        var reach = previous.Reach.Anywhere ? new AddressReach(false, _connector.ClassOf(previous.Address)) : previous.Reach;
        return new SourceHop(next, MayAuthorize: false, reach, WasRedirected: true);
    }

    private static bool IsRedirect(HttpStatusCode status) => (int)status is 301 or 302 or 303 or 307 or 308;

    private static SourceException TooLarge(Uri address, int maxBytes) =>
        new(ErrorKind.TooLarge, $"{Shown(address)} answers with more than {maxBytes:N0} bytes where a small document belongs.", canRetry: false);
}

/// <summary>One step of a request's way: where, whether the token may go along, and what addresses it may lead to.</summary>
internal sealed record SourceHop(Uri Address, bool MayAuthorize, AddressReach Reach, bool WasRedirected);

/// <summary>What a test or a setting may change about the way to origins.</summary>
public sealed record SourceOptions
{
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// HTTP/1.1, a connection for each range: faster than HTTP/2's one connection for all. Another version is for measuring that.
    /// </summary>
    public Version HttpVersion { get; init; } = System.Net.HttpVersion.Version11;

    /// <summary>The longest time without a byte; reset by every byte.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public RetryPolicy Retry { get; init; } = new();

    /// <summary>How long a signed address of S3 holds; a new one is made when it is refused.</summary>
    public TimeSpan S3LinkLifetime { get; init; } = TimeSpan.FromHours(1);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Locked by its users.</summary>
    public Random Random { get; init; } = new();

    /// <summary>An index of copies on this machine, or null: other programs' stores alone.</summary>
    public ILocalCopies? Copies { get; init; }

    /// <summary>Private places that redirects and strangers' addresses may lead to.</summary>
    public AllowedPlaces Allow { get; init; } = AllowedPlaces.None;

    /// <summary>Names to addresses.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;
}

/// <summary>A small document and its <c>Link</c> header.</summary>
public sealed record SourceDocument(byte[] Body, string? Link);
