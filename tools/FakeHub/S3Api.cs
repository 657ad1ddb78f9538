using System.Security;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace FakeHub;

/// <summary>Reading from an object store, buckets by path; every request must be signed by the hub's keys.</summary>
internal sealed class S3Api(HubContent content, FakeHubOptions options, HubFaults faults, ContentAnswer answer)
{
    internal void Map(IEndpointRouteBuilder routes)
    {
        if (options.S3Secret is null) return;
        routes.MapGet("/{bucket}", ListAsync);
        routes.MapMethods("/{bucket}/{**key}", ["GET", "HEAD"], ObjectAsync);
    }

    private async Task ObjectAsync(HttpContext http, string bucket, string? key)
    {
        if (string.IsNullOrEmpty(key)) { await ListAsync(http, bucket); return; }
        if (!await EnterAsync(http, bucket)) return;
        var folder = Path.Combine(content.Root, "s3", bucket);
        var path = Path.GetFullPath(key, folder);
        if (!path.StartsWith(folder + "/", StringComparison.Ordinal) || !File.Exists(path)) { await FailAsync(http, 404, "NoSuchKey"); return; }
        var fault = faults.Take($"{http.Request.Path}{http.Request.QueryString}", null);
        if (await ContentAnswer.TryReplaceAsync(http, fault)) return;
        var file = content.File(path, key);
        await answer.SendAsync(http, file, file.Sha256, $"\"{file.Sha256[..32]}\"", fault);
    }

    private async Task ListAsync(HttpContext http, string bucket)
    {
        if (!await EnterAsync(http, bucket)) return;
        var prefix = http.Request.Query["prefix"].ToString();
        var body = new StringBuilder($"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{bucket}</Name><IsTruncated>false</IsTruncated>");
        foreach (var file in content.Files(Path.Combine("s3", bucket)).Where(file => file.Name.StartsWith(prefix, StringComparison.Ordinal)))
            body.Append($"<Contents><Key>{SecurityElement.Escape(file.Name)}</Key><LastModified>{file.Modified:yyyy-MM-ddTHH:mm:ss.000Z}</LastModified><Size>{file.SizeBytes}</Size></Contents>");
        http.Response.ContentType = "application/xml";
        await http.Response.WriteAsync(body.Append("</ListBucketResult>").ToString(), http.RequestAborted);
    }

    private async Task<bool> EnterAsync(HttpContext http, string bucket)
    {
        var request = new SignedRequest(http.Request.Method, http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, name => http.Request.Headers[name].ToString());
        if (S3Signature.WhyNot(request, options.S3KeyId, options.S3Secret!, TimeProvider.System.GetUtcNow()) is { } code) { await FailAsync(http, 403, code); return false; }
        if (Directory.Exists(Path.Combine(content.Root, "s3", bucket))) return true;
        await FailAsync(http, 404, "NoSuchBucket");
        return false;
    }

    private static async Task FailAsync(HttpContext http, int status, string code)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/xml";
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.WriteAsync($"<Error><Code>{code}</Code><Message>{code}</Message></Error>", http.RequestAborted);
    }
}
