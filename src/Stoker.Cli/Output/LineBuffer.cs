using System.Text;

namespace Stoker.Cli.Output;

/// <summary>A line being edited: its text and where the cursor stands, in UTF-16 units, never inside a surrogate pair. Pure.</summary>
public sealed class LineBuffer
{
    private readonly StringBuilder _text = new();

    public string Text => _text.ToString();

    public int Cursor { get; private set; }

    public bool IsEmpty => _text.Length == 0;

    public void Insert(string text)
    {
        _text.Insert(Cursor, text);
        Cursor += text.Length;
    }

    public void Set(string text)
    {
        _text.Clear().Append(text);
        Cursor = text.Length;
    }

    public void Left() => Cursor = Before(Cursor);

    public void Right() => Cursor = After(Cursor);

    public void Home() => Cursor = 0;

    public void End() => Cursor = _text.Length;

    public void WordLeft() => Cursor = WordStart();

    public void WordRight()
    {
        while (Cursor < _text.Length && !char.IsLetterOrDigit(_text[Cursor])) Cursor++;
        while (Cursor < _text.Length && char.IsLetterOrDigit(_text[Cursor])) Cursor++;
    }

    public void Backspace() => Remove(Before(Cursor), Cursor);

    public void Delete() => Remove(Cursor, After(Cursor));

    public void DeleteWordLeft() => Remove(WordStart(), Cursor);

    public void DeleteToStart() => Remove(0, Cursor);

    public void DeleteToEnd() => Remove(Cursor, _text.Length);

    private void Remove(int from, int to)
    {
        _text.Remove(from, to - from);
        Cursor = from;
    }

    private int WordStart()
    {
        var at = Cursor;
        while (at > 0 && !char.IsLetterOrDigit(_text[at - 1])) at--;
        while (at > 0 && char.IsLetterOrDigit(_text[at - 1])) at--;
        return at;
    }

    private int Before(int at)
    {
        if (at == 0) return 0;
        return at >= 2 && char.IsLowSurrogate(_text[at - 1]) && char.IsHighSurrogate(_text[at - 2]) ? at - 2 : at - 1;
    }

    private int After(int at)
    {
        if (at == _text.Length) return at;
        return at + 1 < _text.Length && char.IsHighSurrogate(_text[at]) && char.IsLowSurrogate(_text[at + 1]) ? at + 2 : at + 1;
    }
}
