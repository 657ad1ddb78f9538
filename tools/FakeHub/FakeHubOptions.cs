namespace FakeHub;

/// <summary>How a hub behaves.</summary>
public sealed record FakeHubOptions
{
    /// <summary>The folder that is served; its layout is in README.md.</summary>
    public required string Root { get; init; }

    /// <summary>Port on 127.0.0.1; 0: any free one.</summary>
    public int Port { get; init; }

    /// <summary>Entries on one page of a repository's tree.</summary>
    public int TreePageSize { get; init; } = 1000;

    /// <summary>The token that opens gated and private repositories.</summary>
    public string HuggingFaceToken { get; init; } = "hf_fakehub_token";

    /// <summary>The key that reads from buckets (<c>s3/BUCKET/</c>) at <c>/BUCKET/KEY</c>.</summary>
    public string S3KeyId { get; init; } = "fakehub";

    /// <summary>Its secret; null: there are no buckets.</summary>
    public string? S3Secret { get; init; }

    /// <summary>True: the registry wants a bearer token, which its own <c>/token</c> gives to everybody.</summary>
    public bool RegistryAuth { get; init; }

    /// <summary>Another realm for the registry's challenge, or null: its own.</summary>
    public string? RegistryRealm { get; init; }

    /// <summary>True: the registry hands blobs on to the content port, as real ones do.</summary>
    public bool RegistryRedirects { get; init; } = true;

    /// <summary>True: https with a certificate of the hub's own authority (<see cref="FakeHubServer.CaPem"/>), HTTP/1.1 and HTTP/2.</summary>
    public bool Tls { get; init; }

    /// <summary>With <see cref="Tls"/>: further names in the certificate, for tests that lead them here.</summary>
    public IReadOnlyList<string> TlsNames { get; init; } = [];

    /// <summary>Bytes a second for each connection; 0: as fast as it goes.</summary>
    public long RateBytesPerSecond { get; init; }

    /// <summary>Time to the first byte of content.</summary>
    public int FirstByteDelayMs { get; init; }
}
