using System.Text;

namespace Stoker.Server.Http;

/// <summary><c>/health</c>: alive, for anybody. <c>/metrics</c>: for whoever may call the API.</summary>
public static class PublicEndpoints
{
    private static readonly byte[] Alive = "{\"status\":\"ok\"}"u8.ToArray();

    public static void Map(RouteTable routes, MetricRegistry metrics)
    {
        routes.Add("GET", "/health", Exposure.Public, static call => WriteAsync(call, Alive, "application/json"));
        routes.Add("GET", "/metrics", Exposure.Api, call => WriteAsync(call, Encoding.UTF8.GetBytes(metrics.WriteText()), MetricRegistry.ContentType));
    }

    private static async Task WriteAsync(HttpCall call, byte[] body, string contentType)
    {
        var response = call.Http.Response;
        response.ContentType = contentType;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, call.Aborted);
    }
}
