using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace FakeHub;

/// <summary>The part of a Hugging Face hub that clients read: revisions, trees, files. Large files come from the content port.</summary>
internal sealed class HuggingFaceApi(HubContent content, FakeHubOptions options, HubFaults faults, ContentAnswer answer, Func<string> contentUrl)
{
    /// <summary>Files from this size on, and every .gguf and .safetensors, count as LFS.</summary>
    private const int LfsBytes = 10 * 1024;

    internal void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/models/{org}/{repo}", (HttpContext http, string org, string repo) => ModelAsync(http, org, repo, null));
        routes.MapGet("/api/models/{org}/{repo}/revision/{**revision}", (HttpContext http, string org, string repo, string revision) => ModelAsync(http, org, repo, revision));
        routes.MapGet("/api/models/{org}/{repo}/tree/{revision}/{**path}", (HttpContext http, string org, string repo, string revision, string? path) => TreeAsync(http, org, repo, revision, path));
        routes.MapMethods("/{org}/{repo}/resolve/{revision}/{**path}", ["GET", "HEAD"], (HttpContext http, string org, string repo, string revision, string path) => FileAsync(http, org, repo, revision, path));
        routes.MapMethods("/{org}/{repo}/raw/{revision}/{**path}", ["GET", "HEAD"], (HttpContext http, string org, string repo, string revision, string path) => RawAsync(http, org, repo, revision, path));
    }

    private async Task ModelAsync(HttpContext http, string org, string repo, string? revision)
    {
        if (await OpenAsync(http, org, repo, revision) is not { } opened) return;
        await WriteJsonAsync(http, writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("_id", opened.Commit[..24]);
            writer.WriteString("id", $"{org}/{repo}");
            writer.WriteString("modelId", $"{org}/{repo}");
            writer.WriteString("sha", opened.Commit);
            writer.WriteBoolean("private", opened.Settings.Private);
            if (opened.Settings.Gated) writer.WriteString("gated", "manual"); else writer.WriteBoolean("gated", false);
            writer.WriteNumber("downloads", 0);
            writer.WriteNumber("likes", 0);
            writer.WriteString("lastModified", "2026-11-21T00:00:00.000Z");
            writer.WriteStartArray("siblings");
            foreach (var file in opened.Files)
            {
                writer.WriteStartObject();
                writer.WriteString("rfilename", file.Name);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private async Task TreeAsync(HttpContext http, string org, string repo, string revision, string? path)
    {
        if (await OpenAsync(http, org, repo, revision) is not { } opened) return;
        var recursive = http.Request.Query["recursive"] == "true" || http.Request.Query["recursive"] == "1";
        var prefix = string.IsNullOrEmpty(path) ? "" : path.TrimEnd('/') + "/";
        var files = opened.Files.Where(file => file.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var folders = files.SelectMany(file => Parents(file.Name)).Where(folder => folder.StartsWith(prefix, StringComparison.Ordinal)).Distinct();
        var entries = files.Select(static file => (file.Name, File: (HubFile?)file)).Concat(folders.Select(static folder => (Name: folder, File: (HubFile?)null)))
            .Where(entry => recursive || !entry.Name[prefix.Length..].Contains('/'))
            .OrderBy(static entry => entry.Name, StringComparer.Ordinal).ToList();
        var from = int.TryParse(http.Request.Query["cursor"], out var cursor) ? cursor : 0;
        var page = entries.Skip(from).Take(options.TreePageSize).ToList();
        if (from + page.Count < entries.Count)
        {
            var next = $"{http.Request.Scheme}://{http.Request.Host}{http.Request.Path}?recursive={(recursive ? "true" : "false")}&cursor={from + page.Count}";
            http.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        }
        await WriteJsonAsync(http, writer =>
        {
            writer.WriteStartArray();
            foreach (var (name, file) in page) WriteEntry(writer, name, file);
            writer.WriteEndArray();
        });
    }

    private async Task FileAsync(HttpContext http, string org, string repo, string revision, string path)
    {
        if (await OpenAsync(http, org, repo, revision) is not { } opened) return;
        if (opened.Files.FirstOrDefault(one => one.Name == path) is not { } file)
        {
            await FailAsync(http, 404, "EntryNotFound", "Entry not found");
            return;
        }
        http.Response.Headers["X-Repo-Commit"] = opened.Commit;
        if (!IsLfs(file))
        {
            var fault = faults.Take($"{http.Request.Path}{http.Request.QueryString}", null);
            await answer.SendAsync(http, file, file.Sha256, $"\"{file.GitSha1}\"", fault);
            return;
        }
        http.Response.Headers["X-Linked-Size"] = file.SizeBytes.ToString(System.Globalization.CultureInfo.InvariantCulture);
        http.Response.Headers["X-Linked-Etag"] = $"\"{file.Sha256}\"";
        http.Response.Headers.AcceptRanges = "bytes";
        http.Response.StatusCode = 302;
        http.Response.Headers.Location = $"{contentUrl()}lfs/{file.Sha256}?sig={Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
    }

    // As git has it: the content of a small file, the pointer of a large one.
    private async Task RawAsync(HttpContext http, string org, string repo, string revision, string path)
    {
        if (await OpenAsync(http, org, repo, revision) is not { } opened) return;
        if (opened.Files.FirstOrDefault(one => one.Name == path) is not { } file)
        {
            await FailAsync(http, 404, "EntryNotFound", "Entry not found");
            return;
        }
        if (!IsLfs(file))
        {
            await answer.SendAsync(http, file, file.Sha256, $"\"{file.GitSha1}\"", null);
            return;
        }
        var pointer = Encoding.UTF8.GetBytes(Pointer(file));
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.ContentLength = pointer.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(pointer, http.RequestAborted);
    }

    private static string Pointer(HubFile file) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"version https://git-lfs.github.com/spec/v1\noid sha256:{file.Sha256}\nsize {file.SizeBytes}\n");

    private async Task<Opened?> OpenAsync(HttpContext http, string org, string repo, string? revision)
    {
        var fault = faults.Take($"{http.Request.Path}{http.Request.QueryString}", null);
        if (await ContentAnswer.TryReplaceAsync(http, fault)) return null;
        if (!IsName(org) || !IsName(repo))
        {
            await FailAsync(http, 400, "InvalidRepo", "Bad repository name");
            return null;
        }
        var files = content.Files(Path.Combine("hf", org, repo));
        var settings = RepoSettings.Read(Path.Combine(content.Root, "hf", org, repo + ".json"));
        var authorization = http.Request.Headers.Authorization.ToString();
        var isToken = authorization == $"Bearer {options.HuggingFaceToken}";
        if (authorization.Length > 0 && !isToken) { await FailAsync(http, 401, null, "Invalid credentials in Authorization header"); return null; }
        // A private repository looks like one that does not exist.
        if (files.Count == 0 || (settings.Private && !isToken)) { await FailAsync(http, isToken ? 404 : 401, "RepoNotFound", "Repository not found"); return null; }
        if (settings.Gated && !isToken && !http.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal)) { await FailAsync(http, 401, "GatedRepo", "Access to this model is restricted"); return null; }
        if (settings.Gated && isToken && settings.NotYours) { await FailAsync(http, 403, "GatedRepo", "Your account is not in the authorized list"); return null; }
        var commit = CommitOf(files);
        if (revision is not (null or "main" or "HEAD" or "refs/pr/1") && revision != commit && !settings.Revisions.Contains(revision))
        {
            await FailAsync(http, 404, "RevisionNotFound", "Invalid rev id");
            return null;
        }
        return new Opened(files, commit, settings);
    }

    private static bool IsName(string name) => name.Length is > 0 and <= 96 && name[0] != '.' && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static string CommitOf(IReadOnlyList<HubFile> files) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', files.Select(static file => file.Name + file.Sha256)))))[..40];

    private static bool IsLfs(HubFile file) => file.SizeBytes >= LfsBytes
        || file.Name.EndsWith(".gguf", StringComparison.Ordinal) || file.Name.EndsWith(".safetensors", StringComparison.Ordinal);

    private static IEnumerable<string> Parents(string name)
    {
        for (var at = name.IndexOf('/', StringComparison.Ordinal); at > 0; at = name.IndexOf('/', at + 1)) yield return name[..at];
    }

    private static void WriteEntry(Utf8JsonWriter writer, string name, HubFile? file)
    {
        writer.WriteStartObject();
        writer.WriteString("type", file is null ? "directory" : "file");
        writer.WriteString("oid", file is null ? new string('0', 40) : IsLfs(file) ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(file.Sha256)))[..40] : file.GitSha1);
        writer.WriteNumber("size", file?.SizeBytes ?? 0);
        writer.WriteString("path", name);
        if (file is not null && IsLfs(file))
        {
            writer.WriteStartObject("lfs");
            writer.WriteString("oid", file.Sha256);
            writer.WriteNumber("size", file.SizeBytes);
            writer.WriteNumber("pointerSize", Pointer(file).Length);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static async Task FailAsync(HttpContext http, int status, string? code, string message)
    {
        http.Response.StatusCode = status;
        if (code is not null) http.Response.Headers["X-Error-Code"] = code;
        http.Response.Headers["X-Error-Message"] = message;
        if (status == 401) http.Response.Headers.WWWAuthenticate = "Bearer realm=\"Authentication required\", charset=\"UTF-8\"";
        await WriteJsonAsync(http, writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("error", message);
            writer.WriteEndObject();
        });
    }

    internal static async Task WriteJsonAsync(HttpContext http, Action<Utf8JsonWriter> write)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        using var body = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(body)) write(writer);
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), http.RequestAborted);
    }

    private sealed record Opened(IReadOnlyList<HubFile> Files, string Commit, RepoSettings Settings);
}

/// <summary>What <c>hf/ORG/REPO.json</c> says of a repository.</summary>
internal sealed record RepoSettings(bool Gated, bool Private, bool NotYours, IReadOnlyList<string> Revisions)
{
    internal static RepoSettings Read(string path)
    {
        if (!File.Exists(path)) return new RepoSettings(false, false, false, []);
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        bool Is(string name) => document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
        var revisions = document.RootElement.TryGetProperty("revisions", out var list) ? list.EnumerateArray().Select(static one => one.GetString()!).ToList() : [];
        return new RepoSettings(Is("gated"), Is("private"), Is("notYours"), revisions);
    }
}
