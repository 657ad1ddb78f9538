using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Safetensors;

/// <summary>The header of one safetensors file that was accepted. Immutable; holds no handle.</summary>
/// <param name="Path">For messages and for reading the data.</param>
/// <param name="SizeBytes">Size of the whole file.</param>
/// <param name="DataPositionBytes">Byte at which the data begins: 8 and the header's length.</param>
/// <param name="Metadata">The <c>__metadata__</c> map; empty when there is none.</param>
/// <param name="Tensors">In the order of their data, which has no gaps.</param>
public sealed record SafetensorsFile(
    string Path,
    long SizeBytes,
    long DataPositionBytes,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<SafetensorsTensor> Tensors)
{
    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="StokerException">NotFound, Io; Corrupt or Unsupported, saying what is wrong.</exception>
    public static SafetensorsFile Open(string path)
    {
        using var stream = FormatFile.OpenRead(path);
        return Read(stream, path);
    }

    /// <summary>Reads a header from a seekable stream of known length. The stream stays open.</summary>
    public static SafetensorsFile Read(Stream stream, string path) => new SafetensorsReader(stream, path).Read();
}
