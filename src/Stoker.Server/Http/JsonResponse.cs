using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Stoker.Server.Http;

/// <summary>Writes a value as the whole answer.</summary>
public static class JsonResponse
{
    public static async Task WriteAsync<T>(HttpContext http, T value, JsonTypeInfo<T> type, int status = 200)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        if (http.Request.Method == HttpMethods.Head) return;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }
}
