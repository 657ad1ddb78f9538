using Stoker.Core.Models;

namespace Stoker.Server.Http;

/// <summary>
/// All routes. Few enough to be looked through one by one, and our own, so that a route's exposure cannot be forgotten: it is
/// part of the route, and the tests enumerate them. Pure after it is built.
/// </summary>
public sealed class RouteTable
{
    private readonly List<HttpRoute> _routes = [];

    public IReadOnlyList<HttpRoute> Routes => _routes;

    public void Add(string method, string template, Exposure exposure, Func<HttpCall, Task> handle, CallerTrust needs = CallerTrust.Network, string bodyType = RequestBody.JsonType)
    {
        if (_routes.Any(route => route.Method == method && route.Template == template))
            throw new InvalidOperationException($"The route {method} {template} is there twice.");
        _routes.Add(new HttpRoute(method, template, exposure, handle) { Needs = needs, BodyType = bodyType });
    }

    /// <summary>Finds the route that says most of the path, among those that this caller may see. HEAD finds what GET finds.</summary>
    /// <param name="method">As the client wrote it.</param>
    /// <param name="path">Unescaped but for %2F, as Kestrel gives it.</param>
    public RouteMatch Find(string method, string path, CallerTrust trust)
    {
        if (method == "HEAD") method = "GET";
        List<string>? allow = null;
        var best = default(RouteMatch);
        foreach (var route in _routes)
        {
            if (route.Exposure == Exposure.Socket && trust == CallerTrust.Network) continue;
            if (!Matches(route.Template, path, out var value)) continue;
            if (route.Method != method) (allow ??= []).Add(route.Method);
            // "/jobs/{}/events" before "/jobs/{}", whose last segment takes slashes too.
            else if (best.Route is null || route.Template.Length > best.Route.Template.Length) best = new RouteMatch(route, value, null);
        }
        return best.Route is not null ? best : new RouteMatch(null, null, allow is null ? null : string.Join(", ", allow.Distinct()));
    }

    private static bool Matches(string template, string path, out string? value)
    {
        value = null;
        var hole = template.IndexOf('{');
        if (hole < 0) return template == path || (path.Length == template.Length + 1 && path[^1] == '/' && path.StartsWith(template, StringComparison.Ordinal));
        var end = template.IndexOf('}');
        var before = template.AsSpan(0, hole);
        var after = template.AsSpan(end + 1);
        if (path.Length <= before.Length + after.Length || !path.AsSpan().StartsWith(before) || !path.AsSpan().EndsWith(after)) return false;
        var found = path[before.Length..^after.Length];
        if (template[hole..(end + 1)] != HttpRoute.Rest && found.Contains('/')) return false;
        value = found.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        return true;
    }
}
