using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stoker.Supply.Fetch;

/// <summary>
/// The header <c>Content-Range: bytes first-last/total</c> (RFC 9110 section 14.4). <see cref="TotalBytes"/> is null for '*';
/// <see cref="IsUnsatisfied"/> is the form <c>bytes */total</c> of a 416.
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ContentRange(long First, long Last, long? TotalBytes, bool IsUnsatisfied)
{
    public long LengthBytes => Last - First + 1;

    /// <summary>False for anything that the grammar or arithmetic does not allow.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ContentRange? range)
    {
        range = null;
        if (text is null || text.Length > 100) return false;
        var rest = text.AsSpan().Trim();
        if (!rest.StartsWith("bytes ", StringComparison.OrdinalIgnoreCase)) return false;
        rest = rest[6..].Trim();
        var slash = rest.IndexOf('/');
        if (slash <= 0) return false;
        var span = rest[..slash];
        var totalText = rest[(slash + 1)..];
        long? total = null;
        if (totalText is not "*")
        {
            if (!TryNumber(totalText, out var known)) return false;
            total = known;
        }
        if (span is "*")
        {
            if (total is null) return false;
            range = new ContentRange(0, -1, total, IsUnsatisfied: true);
            return true;
        }
        var dash = span.IndexOf('-');
        if (dash <= 0 || !TryNumber(span[..dash], out var first) || !TryNumber(span[(dash + 1)..], out var last)) return false;
        if (last < first || (total is { } size && last >= size)) return false;
        range = new ContentRange(first, last, total, IsUnsatisfied: false);
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
