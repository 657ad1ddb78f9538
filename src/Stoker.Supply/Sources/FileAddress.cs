namespace Stoker.Supply.Sources;

/// <summary>Paths as <c>file:</c> addresses and back, exactly, whatever characters they hold.</summary>
public static class FileAddress
{
    /// <param name="path">Absolute.</param>
    public static Uri Of(string path) => new("file://" + string.Join('/', path.Split('/').Select(Uri.EscapeDataString)));

    /// <summary>The path, or null when the address is not of a file.</summary>
    public static string? PathOf(Uri address) =>
        address.IsFile ? string.Join('/', address.AbsolutePath.Split('/').Select(Uri.UnescapeDataString)) : null;
}
