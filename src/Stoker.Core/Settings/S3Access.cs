namespace Stoker.Core.Settings;

/// <summary>
/// What the caller's environment says about S3: the variables that every S3 client knows. Never logged, never stored. Immutable.
/// </summary>
public sealed record S3Access
{
    /// <summary><c>AWS_ACCESS_KEY_ID</c>, or null.</summary>
    public string? AccessKeyId { get; init; }

    /// <summary><c>AWS_SECRET_ACCESS_KEY</c>, or null.</summary>
    public string? SecretAccessKey { get; init; }

    /// <summary><c>AWS_SESSION_TOKEN</c>, or null.</summary>
    public string? SessionToken { get; init; }

    /// <summary><c>AWS_REGION</c> or <c>AWS_DEFAULT_REGION</c>, or null: the profile's, else us-east-1.</summary>
    public string? Region { get; init; }

    /// <summary><c>AWS_ENDPOINT_URL_S3</c> or <c>AWS_ENDPOINT_URL</c>: an S3-like store, or null: Amazon's.</summary>
    public string? Endpoint { get; init; }

    /// <summary><c>STOKER_S3_PATH_STYLE</c>: the bucket stands in the path. Null: so with an endpoint of one's own, not so with Amazon's.</summary>
    public bool? PathStyle { get; init; }

    /// <summary><c>AWS_PROFILE</c>, or null: default.</summary>
    public string? Profile { get; init; }

    /// <summary><c>AWS_SHARED_CREDENTIALS_FILE</c> or <c>~/.aws/credentials</c>, absolute; the config file lies beside it. Null: neither is there.</summary>
    public string? CredentialsFile { get; init; }

    internal static IReadOnlyList<string> Variables { get; } =
    [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
        "STOKER_S3_PATH_STYLE", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE",
    ];

    internal static S3Access Read(Func<string, string?> get)
    {
        string? Get(string name) => get(name) is { Length: > 0 } value ? value : null;
        var file = Get("AWS_SHARED_CREDENTIALS_FILE") ?? (Get("HOME") is { } home ? Path.Combine(home, ".aws", "credentials") : null);
        var isThere = file is not null && (File.Exists(file) || File.Exists(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, "config")));
        return new S3Access
        {
            AccessKeyId = Get("AWS_ACCESS_KEY_ID"),
            SecretAccessKey = Get("AWS_SECRET_ACCESS_KEY"),
            SessionToken = Get("AWS_SESSION_TOKEN"),
            Region = Get("AWS_REGION") ?? Get("AWS_DEFAULT_REGION"),
            Endpoint = Get("AWS_ENDPOINT_URL_S3") ?? Get("AWS_ENDPOINT_URL"),
            PathStyle = Get("STOKER_S3_PATH_STYLE") is { } style ? style is not ("0" or "false" or "no" or "off") : null,
            Profile = Get("AWS_PROFILE"),
            CredentialsFile = isThere ? Path.GetFullPath(file!) : null,
        };
    }

    /// <summary>No secret leaves through a log.</summary>
    public override string ToString() => $"S3Access {{ Endpoint = {Endpoint}, Region = {Region}, Profile = {Profile}, Keys = {(AccessKeyId is null ? "none" : "set")} }}";
}
