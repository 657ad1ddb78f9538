using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Core.Errors;

namespace Stoker.Core.Children;

/// <summary>The first frame of a child.</summary>
/// <param name="Nonce">What it was given on standard input.</param>
/// <param name="Protocol">Version of the messages it speaks.</param>
/// <param name="Fingerprint">Of the runtime it found (libraries, processor); empty when there is none.</param>
/// <param name="ProcessId">Its own.</param>
public sealed record ChildHello(string Nonce, int Protocol, string Fingerprint, int ProcessId)
{
    /// <summary>Why there is no runtime, or null. The child stays to say so to whoever asks it for work.</summary>
    public string? Problem { get; init; }

    /// <summary>Null when the bytes are not such a message.</summary>
    internal static ChildHello? TryRead(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var hello = JsonSerializer.Deserialize(utf8, ChildJson.Default.ChildHello);
            return hello is { Nonce: not null, Fingerprint: not null } ? hello : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Why a request failed in the child.</summary>
public sealed record ChildFailure(ErrorKind Kind, string Message)
{
    internal static ChildFailure Read(ReadOnlySpan<byte> utf8)
    {
        try
        {
            if (JsonSerializer.Deserialize(utf8, ChildJson.Default.ChildFailure) is { Message: not null } failure) return failure;
        }
        catch (JsonException)
        {
            // said below
        }
        return new ChildFailure(ErrorKind.Internal, "The child process failed and its reason cannot be read.");
    }
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(ChildHello))]
[JsonSerializable(typeof(ChildFailure))]
internal sealed partial class ChildJson : JsonSerializerContext;
