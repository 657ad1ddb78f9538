namespace Stoker.Supply.Sources;

/// <summary>Objects of S3 as <c>s3:</c> addresses and back, exactly, whatever characters their keys hold.</summary>
public static class S3Address
{
    public const string Scheme = "s3";

    public static Uri Of(string bucket, string key) => new($"{Scheme}://{bucket}/{string.Join('/', key.Split('/').Select(Uri.EscapeDataString))}");

    public static string KeyOf(Uri address) => Uri.UnescapeDataString(address.AbsolutePath[1..]);
}
