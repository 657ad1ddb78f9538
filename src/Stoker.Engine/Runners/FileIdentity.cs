namespace Stoker.Engine.Runners;

/// <summary>Says whether files are still those that were loaded: path, size, times. Blobs never change; a plain path may.</summary>
public static class FileIdentity
{
    public static string Of(IReadOnlyList<string> paths) => string.Join('\n', paths.Select(static path =>
    {
        var file = new FileInfo(path);
        return file.Exists ? $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}" : $"{path} gone";
    }));
}
