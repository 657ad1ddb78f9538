using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Models;

namespace Stoker.Supply.Blobs;

/// <summary>What an address gave when it was last asked.</summary>
/// <param name="Digest">The blob.</param>
/// <param name="ETag">As the origin wrote it, or null.</param>
/// <param name="LastModified">As the origin wrote it, or null.</param>
public sealed record KnownAddress(Digest Digest, string? ETag, string? LastModified);

/// <summary>
/// Which blob an address led to: <c>maps/addresses/ab/abcd….json</c>, by a hash of the address without its signature. A record that
/// is lost costs one download.
/// </summary>
public sealed class KnownAddresses(string home)
{
    private const int MaxBytes = 8192;
    private readonly string _root = Path.Combine(home, "maps", "addresses");

    /// <param name="name">The address, without what only signs it.</param>
    public KnownAddress? Find(string name)
    {
        try
        {
            using var stream = File.OpenRead(PathOf(name));
            return stream.Length <= MaxBytes ? JsonSerializer.Deserialize(stream, KnownAddressJson.Default.KnownAddress) : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException || DiskErrors.IsDiskError(unreadable))
        {
            return null;
        }
    }

    public void Remember(string name, KnownAddress known)
    {
        try
        {
            DurableFile.Replace(PathOf(name), JsonSerializer.SerializeToUtf8Bytes(known, KnownAddressJson.Default.KnownAddress));
        }
        catch (Exception refused) when (DiskErrors.IsDiskError(refused))
        {
            // It is a shortcut, not the file: the next fetch takes the long way.
        }
    }

    private string PathOf(string name)
    {
        var hex = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        return Path.Combine(_root, hex[..2], hex + ".json");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 4)]
[JsonSerializable(typeof(KnownAddress))]
internal sealed partial class KnownAddressJson : JsonSerializerContext;
