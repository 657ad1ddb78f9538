using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Stoker.Server.Http;

/// <summary>Writes a value as the whole answer.</summary>
public static class JsonResponse
{
    /// <summary>Escapes what JSON must have escaped and no more: our answers are never part of a page, and text in other scripts stays readable.</summary>
    internal static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Serialize<T>(T value, JsonTypeInfo<T> type)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes, Readable)) JsonSerializer.Serialize(json, value, type);
        return bytes.WrittenSpan.ToArray();
    }

    public static async Task WriteAsync<T>(HttpContext http, T value, JsonTypeInfo<T> type, int status = 200)
    {
        var body = Serialize(value, type);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        if (http.Request.Method == HttpMethods.Head) return;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }
}
