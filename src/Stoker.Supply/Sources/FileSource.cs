using Stoker.Core.Errors;
using Stoker.Core.Formats.Gguf;
using Stoker.Core.Models;
using Stoker.Native.Libc;

namespace Stoker.Supply.Sources;

/// <summary>A GGUF on this machine, used where it lies. Any part of a split one means the whole.</summary>
internal static class FileSource
{
    internal static ModelManifest Resolve(string path)
    {
        var paths = GgufSplit.TryParse(path, out var split)
            ? Enumerable.Range(1, split.Count).Select(number => split.NameOf(number)).ToList()
            : [path];
        return Manifest(path, ModelSourceKind.File, paths);
    }

    internal static ModelManifest Manifest(string name, ModelSourceKind kind, IReadOnlyList<string> paths) => new()
    {
        Name = name,
        Source = kind,
        Files = [.. paths.Select(Describe)],
        PulledAt = File.GetLastWriteTimeUtc(paths[0]) is { Year: > 1970 } written ? new DateTimeOffset(written, TimeSpan.Zero) : default,
    };

    private static ManifestFile Describe(string path)
    {
        FileStamp? stamp;
        try
        {
            stamp = FileStamp.TryRead(path);
        }
        catch (LibcException refused)
        {
            throw new StokerException(ErrorKind.Io, $"{Printable.Short(path, 300)} cannot be looked at: {refused.Message}", refused);
        }
        if (stamp is not { } found)
        {
            throw Directory.Exists(path)
                ? new StokerException(ErrorKind.Unsupported, $"{Printable.Short(path, 300)} is a folder: name the .gguf file in it.")
                : new StokerException(ErrorKind.NotFound, $"There is no file {Printable.Short(path, 300)}.");
        }
        if (!found.IsRegularFile)
            throw new StokerException(ErrorKind.Unsupported, $"{Printable.Short(path, 300)} is {(Directory.Exists(path) ? "a folder: name the .gguf file in it" : "not a file")}.");
        return new ManifestFile { Name = Path.GetFileName(path), Role = FileRole.Weights, SizeBytes = found.SizeBytes, Origins = [FileAddress.Of(path)] };
    }
}
