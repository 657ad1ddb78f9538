using System.Globalization;
using System.Text;

namespace Stoker.Cli.Output;

/// <summary>How a line was left.</summary>
public enum LineEnd
{
    Entered,

    /// <summary>Ctrl-C.</summary>
    Interrupted,

    /// <summary>Ctrl-D on an empty line.</summary>
    Closed,
}

/// <summary>
/// Reads lines from the terminal with cursor keys and history. Needs <see cref="Console"/>'s keyboard, on which Ctrl-C is a key
/// (<see cref="Console.TreatControlCAsInput"/>); draws on standard error's
/// terminal, so that standard output carries answers alone.
/// </summary>
public sealed class LineEditor(CliConsole console)
{
    private const int MaxHistory = 500;

    private readonly List<string> _history = [];

    /// <summary>Row of the drawn text on which the cursor stands, counted from its first.</summary>
    private int _cursorRow;

    /// <summary>Blocks until the line is left.</summary>
    public (LineEnd End, string Text) Read(string prompt)
    {
        var line = new LineBuffer();
        var place = _history.Count;
        var draft = "";
        _cursorRow = 0;
        Draw(prompt, line);
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            if (Leaves(key, line) is { } end)
            {
                line.End();
                Draw(prompt, line);
                console.Error.Write("\r\n");
                if (end == LineEnd.Entered) Remember(line.Text);
                return (end, line.Text);
            }
            if (key.Key is ConsoleKey.UpArrow or ConsoleKey.DownArrow) Recall(key.Key == ConsoleKey.UpArrow ? -1 : 1, line, ref place, ref draft);
            else if (IsControl(key, ConsoleKey.L)) console.Error.Write("\e[H\e[2J");
            else Edit(key, line);
            // Keys that wait already (a paste) are taken before the line is drawn again.
            if (!Console.KeyAvailable) Draw(prompt, line);
        }
    }

    private static LineEnd? Leaves(ConsoleKeyInfo key, LineBuffer line)
    {
        if (key.Key == ConsoleKey.Enter) return LineEnd.Entered;
        if (IsControl(key, ConsoleKey.C)) return LineEnd.Interrupted;
        return IsControl(key, ConsoleKey.D) && line.IsEmpty ? LineEnd.Closed : null;
    }

    private static void Edit(ConsoleKeyInfo key, LineBuffer line)
    {
        var byWord = key.Modifiers.HasFlag(ConsoleModifiers.Control) || key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow when byWord: line.WordLeft(); break;
            case ConsoleKey.RightArrow when byWord: line.WordRight(); break;
            case ConsoleKey.LeftArrow: line.Left(); break;
            case ConsoleKey.RightArrow: line.Right(); break;
            case ConsoleKey.Home: line.Home(); break;
            case ConsoleKey.End: line.End(); break;
            case ConsoleKey.Backspace when byWord: line.DeleteWordLeft(); break;
            case ConsoleKey.Backspace: line.Backspace(); break;
            case ConsoleKey.Delete: line.Delete(); break;
            case ConsoleKey.Tab: line.Insert("    "); break;
            default:
                if (key.Modifiers == ConsoleModifiers.Control) Control(key.Key, line);
                else if (!char.IsControl(key.KeyChar)) line.Insert(key.KeyChar.ToString());
                break;
        }
    }

    // As readline has them.
    private static void Control(ConsoleKey key, LineBuffer line)
    {
        switch (key)
        {
            case ConsoleKey.A: line.Home(); break;
            case ConsoleKey.E: line.End(); break;
            case ConsoleKey.B: line.Left(); break;
            case ConsoleKey.F: line.Right(); break;
            case ConsoleKey.D: line.Delete(); break;
            case ConsoleKey.H: line.Backspace(); break;
            case ConsoleKey.K: line.DeleteToEnd(); break;
            case ConsoleKey.U: line.DeleteToStart(); break;
            case ConsoleKey.W: line.DeleteWordLeft(); break;
        }
    }

    private void Recall(int step, LineBuffer line, ref int place, ref string draft)
    {
        var next = place + step;
        if (next < 0 || next > _history.Count) return;
        if (place == _history.Count) draft = line.Text;
        place = next;
        line.Set(place == _history.Count ? draft : _history[place]);
    }

    private void Remember(string text)
    {
        if (text.Length == 0 || (_history.Count > 0 && _history[^1] == text)) return;
        _history.Add(text);
        if (_history.Count > MaxHistory) _history.RemoveAt(0);
    }

    private static bool IsControl(ConsoleKeyInfo key, ConsoleKey letter) => key.Key == letter && key.Modifiers == ConsoleModifiers.Control;

    // Rewrites prompt and text where they stand: up to the first row, clear to the end of the screen, write, put the cursor back.
    private void Draw(string prompt, LineBuffer line)
    {
        var width = Math.Max(10, console.Width());
        var output = new StringBuilder("\r");
        if (_cursorRow > 0) output.Append(CultureInfo.InvariantCulture, $"\e[{_cursorRow}A");
        output.Append("\e[0J").Append(prompt).Append(line.Text);
        var (endRow, endColumn) = LineLayout.Place(prompt + line.Text, width);
        // A line that fills its row exactly leaves the cursor hanging there; a space and back moves it on.
        if (endColumn == 0 && endRow > 0) output.Append(" \r");
        var (row, column) = LineLayout.Place(prompt + line.Text[..line.Cursor], width);
        if (endRow > row) output.Append(CultureInfo.InvariantCulture, $"\e[{endRow - row}A");
        output.Append('\r');
        if (column > 0) output.Append(CultureInfo.InvariantCulture, $"\e[{column}C");
        _cursorRow = row;
        console.Error.Write(output.ToString());
    }
}

/// <summary>Where text ends on a terminal that breaks it at its width. Pure.</summary>
public static class LineLayout
{
    /// <summary>Row (from 0) and column (from 0) after the text. A wide character that does not fit starts the next row.</summary>
    public static (int Row, int Column) Place(string text, int width)
    {
        var (row, column) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            var columns = TextWidth.Of(rune);
            if (column + columns > width) (row, column) = (row + 1, 0);
            column += columns;
            if (column == width) (row, column) = (row + 1, 0);
        }
        return (row, column);
    }
}
