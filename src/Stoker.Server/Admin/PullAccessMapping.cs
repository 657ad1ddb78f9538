using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply.Sources;

namespace Stoker.Server.Admin;

/// <summary>From what a caller sent to what a job may use. Pure.</summary>
public static class PullAccessMapping
{
    /// <exception cref="StokerException">InvalidInput: a value that means nothing; Forbidden: only the owner may name where bytes come from.</exception>
    public static SourceAccess AccessOf(PullRequest request, CallerTrust trust, StokerOptions options)
    {
        var asked = request.Access ?? new PullAccess();
        if (trust != CallerTrust.Owner && (asked.HuggingFaceEndpoint ?? asked.OllamaRegistry ?? asked.S3?.Endpoint ?? asked.S3?.CredentialsFile ?? asked.Proxy ?? asked.CaFile) is not null)
            throw new StokerException(ErrorKind.Forbidden, "Only the daemon's own user and root may name endpoints, a proxy or certificate authorities.");
        return new SourceAccess
        {
            Trust = trust,
            HuggingFaceToken = asked.HuggingFaceToken,
            HuggingFaceEndpoint = asked.HuggingFaceEndpoint is { } hub ? SourceAccess.ParseEndpoint(hub, "HF_ENDPOINT") : SourceAccess.DefaultHuggingFace,
            OllamaRegistry = asked.OllamaRegistry is { } registry ? SourceAccess.ParseEndpoint(registry, "STOKER_OLLAMA_REGISTRY") : SourceAccess.DefaultOllamaRegistry,
            // Other callers name no file: for them these do not exist.
            OllamaModels = trust == CallerTrust.Owner ? asked.OllamaModels : null,
            HuggingFaceCache = trust == CallerTrust.Owner ? asked.HuggingFaceCache : null,
            S3 = asked.S3 ?? new S3Access(),
            Proxy = asked.Proxy is { } proxy ? SourceAccess.ParseProxy(proxy) : null,
            NoProxy = asked.NoProxy,
            CaFile = asked.CaFile,
            Offline = asked.Offline,
            Revalidate = !request.SkipRevalidation,
            SourceOrder = Order(request.Source, options.SourceOrder),
            ExpectedDigest = request.Digest is { } digest ? Digest.Parse(digest) : null,
        };
    }

    /// <exception cref="StokerException">InvalidInput: a pattern that means nothing.</exception>
    public static PullOptions OptionsOf(PullRequest request) => new()
    {
        Selection = FileSelection.Of(request.Include, request.Exclude),
        MustRun = request.ToRun,
        Mirrors = [.. (request.Mirrors ?? []).Select(MirrorOf)],
    };

    // A folder's address ends in a slash, which no file's does; else it is what a file's address may be.
    private static Uri MirrorOf(string text) => text.EndsWith('/')
        ? SourceAccess.ParseEndpoint(text, "The mirror")
        : ModelReference.Parse(text, ReferencePlaces.Nowhere) is UrlReference url
            ? url.Address
            : throw new StokerException(ErrorKind.InvalidInput, $"The mirror '{Printable.Short(text)}' is not an address.");

    private static IReadOnlyList<ModelSourceKind> Order(string? source, IReadOnlyList<string> configured) =>
        source is null ? [.. configured.Select(KindOf)] : [KindOf(source)];

    private static ModelSourceKind KindOf(string source) => source switch
    {
        "huggingface" => ModelSourceKind.HuggingFace,
        "ollama" => ModelSourceKind.Ollama,
        _ => throw new RequestException(ErrorKind.InvalidInput, $"'{Printable.Short(source)}' is not a source: huggingface or ollama.", "source"),
    };
}
