using Stoker.Core.Models;

namespace Stoker.Server.Http;

/// <summary>Who may see a route.</summary>
public enum Exposure
{
    /// <summary>Anybody, without a key.</summary>
    Public,

    /// <summary>TCP with a key where one is configured, and the Unix socket.</summary>
    Api,

    /// <summary>The Unix socket alone; over TCP it does not exist.</summary>
    Socket,
}

/// <summary>One route.</summary>
/// <param name="Method">Upper case.</param>
/// <param name="Template">A path, in which one segment may be <c>{name}</c>; or its end <see cref="Rest"/>, the rest of the path.</param>
public sealed record HttpRoute(string Method, string Template, Exposure Exposure, Func<HttpCall, Task> Handle)
{
    /// <summary>A hole that takes slashes too: models' names have them.</summary>
    public const string Rest = "{*}";

    /// <summary>The least trust that may call it; less is 403.</summary>
    public CallerTrust Needs { get; init; } = CallerTrust.Network;

    /// <summary>What its body must say that it is.</summary>
    public string BodyType { get; init; } = RequestBody.JsonType;
}

/// <summary>What a path and a method mean to a caller.</summary>
/// <param name="Route">The route, or null.</param>
/// <param name="Value">What stood in the hole, unescaped.</param>
/// <param name="Allow">Methods that the path has, when it has not the one asked for; else null.</param>
public readonly record struct RouteMatch(HttpRoute? Route, string? Value, string? Allow);
