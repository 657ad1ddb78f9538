using System.Net;
using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;
using Amazon.S3;
using Amazon.S3.Model;
using Stoker.Core.Errors;
using Stoker.Core.Models;

namespace Stoker.Supply.Sources;

/// <summary>
/// One job's view of S3 or a store like it: asks for facts through Amazon's library, over the job's own connections, and signs
/// addresses from which everybody may read one object for a while, so that content comes by the same ranges as from anywhere. The
/// library is loaded when the first of these is made. Thread-safe.
/// </summary>
internal sealed class S3Bucket : IDisposable
{
    private const int MaxObjects = 100_000;

    private readonly AmazonS3Client _client;
    private readonly SourceSession _session;
    private readonly bool _isAnonymous;
    private readonly bool _isPlain; // no value type of the library among the fields: it would be loaded with this type

    /// <param name="session">Whose access and handler are used.</param>
    /// <param name="handler">Judges every connection.</param>
    internal S3Bucket(SourceSession session, HttpMessageHandler handler)
    {
        _session = session;
        var access = session.Access.S3;
        var endpoint = access.Endpoint is { } own ? SourceAccess.ParseEndpoint(own, "AWS_ENDPOINT_URL_S3") : null;
        var (credentials, profileRegion) = Credentials();
        var region = access.Region ?? profileRegion ?? "us-east-1";
        var config = new AmazonS3Config
        {
            HttpClientFactory = new JobConnections(handler),
            MaxErrorRetry = session.Retry.MaxTries - 1,
            ForcePathStyle = access.PathStyle ?? endpoint is not null,
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (endpoint is null)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }
        else
        {
            config.ServiceURL = endpoint.AbsoluteUri;
            config.AuthenticationRegion = region;
        }
        _isPlain = endpoint?.Scheme == Uri.UriSchemeHttp;
        _isAnonymous = credentials is AnonymousAWSCredentials;
        _client = new AmazonS3Client(credentials, config);
    }

    /// <summary>An address of the object that holds for <see cref="SourceOptions.S3LinkLifetime"/>.</summary>
    /// <param name="address"><c>s3://bucket/key</c>.</param>
    internal async Task<Uri> SignAsync(Uri address)
    {
        var link = await _client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
        {
            BucketName = address.Host,
            Key = S3Address.KeyOf(address),
            Verb = HttpVerb.GET,
            Protocol = _isPlain ? Protocol.HTTP : Protocol.HTTPS,
            Expires = _session.Options.Time.GetUtcNow().UtcDateTime + _session.Options.S3LinkLifetime,
        });
        var signed = new Uri(link);
        return _isAnonymous ? new Uri(signed.GetLeftPart(UriPartial.Path)) : signed;
    }

    /// <summary>One object's facts, or null when there is none of that name.</summary>
    internal async Task<RepositoryFile?> FindAsync(string bucket, string key, CancellationToken cancellationToken)
    {
        try
        {
            var found = await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = bucket, Key = key, ChecksumMode = ChecksumMode.ENABLED }, cancellationToken);
            // A sum of the parts' sums, which a large upload has, is no digest of the content.
            var isWhole = found.ChecksumType is null || found.ChecksumType == ChecksumType.FULL_OBJECT;
            var digest = isWhole && found.ChecksumSHA256 is { Length: 44 } sum ? Core.Models.Digest.FromBytes(Convert.FromBase64String(sum)) : (Digest?)null;
            return new RepositoryFile(key, found.ContentLength, digest, null);
        }
        catch (AmazonS3Exception absent) when (absent.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
        catch (Exception failed) when (failed is AmazonServiceException or AmazonClientException or HttpRequestException)
        {
            throw Explain(failed, $"s3://{bucket}/{key}");
        }
    }

    /// <summary>All objects below a prefix, by their names below it.</summary>
    internal async Task<IReadOnlyList<RepositoryFile>> ListAsync(string bucket, string prefix, CancellationToken cancellationToken)
    {
        var files = new List<RepositoryFile>();
        var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix };
        try
        {
            for (; ; )
            {
                var page = await _client.ListObjectsV2Async(request, cancellationToken);
                foreach (var one in page.S3Objects ?? [])
                {
                    var path = one.Key[prefix.Length..];
                    if (path.Length == 0 || path.EndsWith('/')) continue; // a console's idea of a folder
                    if (SafeName.WhyNotRelativePath(path) is { } reason)
                        throw new SourceException(ErrorKind.Corrupt, $"s3://{bucket} lists an object '{Printable.Short(path, 80)}', which is refused: {reason}.", canRetry: false);
                    files.Add(new RepositoryFile(path, one.Size ?? 0, null, null));
                    if (files.Count > MaxObjects) throw new SourceException(ErrorKind.TooLarge, $"s3://{bucket}/{Printable.Short(prefix)} holds more than {MaxObjects:N0} objects: name a longer prefix.", canRetry: false);
                }
                if (page.IsTruncated != true) return files;
                request.ContinuationToken = page.NextContinuationToken;
            }
        }
        catch (Exception failed) when (failed is AmazonServiceException or AmazonClientException or HttpRequestException)
        {
            throw Explain(failed, $"s3://{bucket}/{prefix}");
        }
    }

    public void Dispose() => _client.Dispose();

    // The caller's own, then their profile, then what the library finds (the machine's role), for the owner alone; else as anybody.
    private (AWSCredentials Credentials, string? Region) Credentials()
    {
        var access = _session.Access.S3;
        if (access is { AccessKeyId: { } id, SecretAccessKey: { } secret })
            return (access.SessionToken is { } token ? new SessionAWSCredentials(id, secret, token) : new BasicAWSCredentials(id, secret), null);
        if (access.CredentialsFile is { } file)
        {
            var chain = new CredentialProfileStoreChain(file);
            var name = access.Profile ?? "default";
            if (chain.TryGetProfile(name, out var profile) && chain.TryGetAWSCredentials(name, out var own)) return (own, profile.Region?.SystemName);
        }
        if (access.Profile is { } absent)
            throw new StokerException(ErrorKind.InvalidInput, $"There is no S3 profile '{Printable.Short(absent)}' (AWS_PROFILE) in {access.CredentialsFile ?? "~/.aws/credentials"}.");
        if (_session.Access.Offline || _session.Access.Trust != CallerTrust.Owner) return (new AnonymousAWSCredentials(), null);
        try
        {
            return (DefaultAWSCredentialsIdentityResolver.GetCredentials(), null);
        }
        catch (AmazonClientException)
        {
            return (new AnonymousAWSCredentials(), null);
        }
    }

    private StokerException Explain(Exception failed, string what)
    {
        for (Exception? inner = failed; inner is not null; inner = inner.InnerException)
        {
            if (inner is StokerException ours) return ours;
        }
        if (failed is not AmazonS3Exception said || said.StatusCode == default)
            return new SourceException(ErrorKind.Network, $"{Printable.Short(what, 200)} could not be asked for: {Printable.Short(failed.Message)}", canRetry: true, failed);
        var keys = _isAnonymous ? "no keys were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE" : "check the keys (AWS_ACCESS_KEY_ID, AWS_PROFILE) and what they may do";
        return said.StatusCode switch
        {
            HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => new SourceException(ErrorKind.Forbidden, $"{Printable.Short(what, 200)} is refused ({Printable.Short(said.ErrorCode, 60)}); {keys}.", canRetry: false, failed),
            HttpStatusCode.NotFound => new SourceException(ErrorKind.NotFound, $"There is no bucket of {Printable.Short(what, 200)}.", canRetry: false, failed),
            HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect or HttpStatusCode.BadRequest =>
                new SourceException(ErrorKind.InvalidInput, $"{Printable.Short(what, 200)} is not asked for as its store wants ({Printable.Short(said.Message)}): set AWS_REGION to the bucket's, or AWS_ENDPOINT_URL_S3.", canRetry: false, failed),
            _ => new SourceException(ErrorKind.Network, $"{Printable.Short(what, 200)} answered {(int)said.StatusCode}: {Printable.Short(said.Message)}", canRetry: true, failed),
        };
    }

    /// <summary>The library's requests over the job's connections.</summary>
    private sealed class JobConnections(HttpMessageHandler handler) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(new Reach(handler), disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }

    /// <summary>An endpoint is what the owner configured.</summary>
    private sealed class Reach(HttpMessageHandler handler) : DelegatingHandler(handler)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Options.Set(SourceConnector.ReachKey, AddressReach.Owner);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
