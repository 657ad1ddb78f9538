using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;

namespace Stoker.Core.Models;

/// <summary>A SHA-256 of content, written <c>sha256:</c> and 64 lower-case hex digits. Anything else is refused.</summary>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly record struct Digest
{
    private const string Prefix = "sha256:";
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private readonly string? _hex;

    private Digest(string hex) => _hex = hex;

    /// <summary>64 lower-case hex digits.</summary>
    public string Hex => _hex ?? throw new InvalidOperationException("An uninitialised digest has no value.");

    /// <exception cref="StokerException">InvalidInput: not exactly <c>sha256:</c> and 64 lower-case hex digits.</exception>
    public static Digest Parse(string text) => TryParse(text, out var digest)
        ? digest.Value
        : throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(text)}' is not a digest: expected sha256: and 64 lower-case hex digits.");

    public static bool TryParse(string? text, [NotNullWhen(true)] out Digest? digest)
    {
        digest = null;
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        var hex = text[Prefix.Length..];
        if (!IsHex(hex)) return false;
        digest = new Digest(hex);
        return true;
    }

    /// <summary>From 64 lower-case hex digits without the prefix.</summary>
    public static bool TryFromHex(string? hex, [NotNullWhen(true)] out Digest? digest)
    {
        digest = hex is not null && IsHex(hex) ? new Digest(hex) : null;
        return digest is not null;
    }

    /// <summary>From the 32 bytes of a computed SHA-256.</summary>
    public static Digest FromBytes(ReadOnlySpan<byte> sha256)
    {
        if (sha256.Length != 32) throw new ArgumentException("A SHA-256 has 32 bytes.", nameof(sha256));
        return new Digest(Convert.ToHexStringLower(sha256));
    }

    public override string ToString() => Prefix + Hex;

    private static bool IsHex(string hex) => hex.Length == 64 && !hex.AsSpan().ContainsAnyExcept(HexDigits);
}

/// <summary>A digest in JSON is its text; anything else is a <see cref="JsonException"/>.</summary>
public sealed class DigestJsonConverter : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Digest.TryParse(reader.GetString(), out var digest)
            ? digest.Value
            : throw new JsonException("Expected sha256: and 64 lower-case hex digits.");

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
