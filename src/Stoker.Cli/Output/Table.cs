namespace Stoker.Cli.Output;

/// <summary>Columns of text, as wide as their widest cell, two spaces between. The last column is not padded.</summary>
public sealed class Table(params string[] heads)
{
    private readonly List<string[]> _rows = [];

    /// <summary>Columns (by index) whose cells stand at the right, for numbers.</summary>
    public IReadOnlySet<int> RightAligned { get; init; } = new HashSet<int>();

    public void Add(params string[] cells)
    {
        if (cells.Length != heads.Length) throw new ArgumentException($"A row needs {heads.Length} cells.", nameof(cells));
        _rows.Add(cells);
    }

    public void Write(CliConsole console)
    {
        var widths = heads.Select((head, column) => _rows.Select(row => TextWidth.Of(row[column])).Append(TextWidth.Of(head)).Max()).ToArray();
        console.Out.WriteLine(console.Bold(Line(heads, widths)));
        foreach (var row in _rows) console.Out.WriteLine(Line(row, widths));
    }

    private string Line(string[] cells, int[] widths) =>
        string.Join("  ", cells.Select((cell, column) => Cell(cell, column, widths))).TrimEnd();

    private string Cell(string cell, int column, int[] widths) =>
        RightAligned.Contains(column) ? new string(' ', widths[column] - TextWidth.Of(cell)) + cell : TextWidth.Pad(cell, widths[column]);
}
