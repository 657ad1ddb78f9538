using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// The header of one GGUF file that was accepted: metadata and an index of tensors that lie inside the file. Immutable; holds
/// no handle. A split model has several: <see cref="GgufModel"/>.
/// </summary>
public sealed class GgufFile
{
    internal GgufFile(
        string path, long sizeBytes, int version, int alignmentBytes, long dataPositionBytes, GgufMetadata metadata, IReadOnlyList<GgufTensor> tensors)
    {
        Path = path;
        SizeBytes = sizeBytes;
        Version = version;
        AlignmentBytes = alignmentBytes;
        DataPositionBytes = dataPositionBytes;
        Metadata = metadata;
        Tensors = tensors;
    }

    public string Path { get; }

    /// <summary>Size of the whole file.</summary>
    public long SizeBytes { get; }

    /// <summary>2 or 3.</summary>
    public int Version { get; }

    public int AlignmentBytes { get; }

    /// <summary>Byte at which the tensors' data begins.</summary>
    public long DataPositionBytes { get; }

    public GgufMetadata Metadata { get; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>False for a vocabulary without weights, which can tokenise but not generate.</summary>
    public bool HasWeights => Tensors.Count > 0;

    /// <summary>Reads the header of a file. Takes milliseconds and little memory whatever the file's size.</summary>
    /// <exception cref="StokerException">NotFound, Io; Corrupt or Unsupported, naming the byte.</exception>
    public static GgufFile Open(string path)
    {
        using var stream = FormatFile.OpenRead(path);
        return Read(stream, path);
    }

    /// <summary>Reads a header from a seekable stream of known length. The stream stays open.</summary>
    /// <param name="stream">Read from its beginning.</param>
    /// <param name="path">For messages.</param>
    public static GgufFile Read(Stream stream, string path) => GgufReader.Read(stream, path);
}
