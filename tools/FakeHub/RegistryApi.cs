using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace FakeHub;

/// <summary>A registry in Ollama's layout: manifests, blobs, and the bearer token flow.</summary>
internal sealed class RegistryApi(HubContent content, FakeHubOptions options, HubFaults faults, ContentAnswer answer, Func<string> contentUrl)
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    // File names of a model's folder and what they are as layers.
    private static readonly (string File, string Kind)[] Layers =
    [
        ("model.gguf", "model"), ("model-2.gguf", "model"), ("mmproj.gguf", "projector"), ("adapter.gguf", "adapter"), ("tensor.bin", "tensor"),
        ("template", "template"), ("system", "system"), ("license", "license"), ("params.json", "params"), ("messages.json", "messages"),
    ];

    private readonly ConcurrentDictionary<string, bool> _tokens = new();

    internal void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v2/{space}/{model}/manifests/{tag}", ["GET", "HEAD"], ManifestAsync);
        routes.MapMethods("/v2/{space}/{model}/blobs/{digest}", ["GET", "HEAD"], BlobAsync);
        routes.MapGet("/token", TokenAsync);
    }

    private async Task ManifestAsync(HttpContext http, string space, string model, string tag)
    {
        if (!await EnterAsync(http, space, model)) return;
        var folder = Path.Combine(content.Root, "ollama", space, model, tag);
        var ready = folder + ".manifest.json";
        byte[] body;
        if (File.Exists(ready)) body = await File.ReadAllBytesAsync(ready, http.RequestAborted);
        else if (Directory.Exists(folder)) body = Manifest(folder);
        else { await FailAsync(http, 404, "MANIFEST_UNKNOWN", "manifest unknown"); return; }
        http.Response.ContentType = ManifestType;
        http.Response.Headers["Docker-Content-Digest"] = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(body));
        http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private async Task BlobAsync(HttpContext http, string space, string model, string digest)
    {
        if (!await EnterAsync(http, space, model)) return;
        var hex = digest.StartsWith("sha256:", StringComparison.Ordinal) ? digest[7..] : "";
        if (content.BySha256(hex) is not { } file) { await FailAsync(http, 404, "BLOB_UNKNOWN", "blob unknown"); return; }
        if (options.RegistryRedirects)
        {
            http.Response.StatusCode = 307;
            http.Response.Headers.Location = $"{contentUrl()}blobs/{hex}?sig={Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
            return;
        }
        await answer.SendAsync(http, file, file.Sha256, $"\"{file.Sha256}\"", faults.Take($"/blobs/{hex}", null));
    }

    private async Task TokenAsync(HttpContext http)
    {
        if (await ContentAnswer.TryReplaceAsync(http, faults.Take($"{http.Request.Path}{http.Request.QueryString}", null))) return;
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) + "." + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(http.Request.Query["scope"].ToString()));
        _tokens[token] = true;
        await HuggingFaceApi.WriteJsonAsync(http, writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("token", token);
            writer.WriteNumber("expires_in", 300);
            writer.WriteEndObject();
        });
    }

    private async Task<bool> EnterAsync(HttpContext http, string space, string model)
    {
        if (await ContentAnswer.TryReplaceAsync(http, faults.Take($"{http.Request.Path}{http.Request.QueryString}", null))) return false;
        if (!options.RegistryAuth) return true;
        var scope = $"repository:{space}/{model}:pull";
        var authorization = http.Request.Headers.Authorization.ToString();
        var token = authorization.StartsWith("Bearer ", StringComparison.Ordinal) ? authorization[7..] : "";
        if (_tokens.ContainsKey(token) && token.EndsWith("." + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(scope)), StringComparison.Ordinal)) return true;
        var realm = options.RegistryRealm ?? $"{http.Request.Scheme}://{http.Request.Host}/token";
        http.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}\",service=\"fakehub\",scope=\"{scope}\"";
        await FailAsync(http, 401, "UNAUTHORIZED", "authentication required");
        return false;
    }

    private byte[] Manifest(string folder)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            var config = Path.Combine(folder, "config.json");
            if (!File.Exists(config)) File.WriteAllText(config, """{"model_format":"gguf","model_family":"qwen2","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}""");
            writer.WriteStartObject();
            writer.WriteNumber("schemaVersion", 2);
            writer.WriteString("mediaType", ManifestType);
            writer.WriteStartObject("config");
            WriteLayer(writer, "application/vnd.docker.container.image.v1+json", content.File(config, "config.json"));
            writer.WriteEndObject();
            writer.WriteStartArray("layers");
            foreach (var (name, kind) in Layers)
            {
                var path = Path.Combine(folder, name);
                if (!File.Exists(path)) continue;
                writer.WriteStartObject();
                WriteLayer(writer, "application/vnd.ollama.image." + kind, content.File(path, name));
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return body.ToArray();
    }

    private static void WriteLayer(Utf8JsonWriter writer, string type, HubFile file)
    {
        writer.WriteString("mediaType", type);
        writer.WriteString("digest", "sha256:" + file.Sha256);
        writer.WriteNumber("size", file.SizeBytes);
    }

    private static async Task FailAsync(HttpContext http, int status, string code, string message)
    {
        http.Response.StatusCode = status;
        await HuggingFaceApi.WriteJsonAsync(http, writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("errors");
            writer.WriteStartObject();
            writer.WriteString("code", code);
            writer.WriteString("message", message);
            writer.WriteEndObject();
            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }
}
