using FsCheck;
using FsCheck.Fluent;
using Stoker.Cli.Output;

namespace Stoker.Tests.Cli.Output;

public sealed class TextTests
{
    [Theory]
    [InlineData("plain", 5)]
    [InlineData("日本", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("🚀", 2)]
    public void Width_CountsColumns(string text, int columns) => Assert.Equal(columns, TextWidth.Of(text));

    [Fact]
    public void Cut_AnyText_FitsAndKeepsWhatFits()
    {
        Prop.ForAll<NonNull<string>, byte>((text, columns) =>
        {
            var cut = TextWidth.Cut(text.Get, columns);
            return TextWidth.Of(cut) <= Math.Max((byte)0, columns) && (TextWidth.Of(text.Get) > columns || cut == text.Get || columns == 0);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));
    }

    [Theory]
    [InlineData("a\e[2Jb", "a[2Jb")]
    [InlineData("a\u009b2Jb", "a2Jb")]
    [InlineData("x\u202ey", "xy")]
    [InlineData("line\n\ttab", "line\n\ttab")]
    [InlineData("bell\a\b\r", "bell")]
    [InlineData("👩\u200D🚀", "👩\u200D🚀")]
    public void Clean_ControlsGo_TextStays(string text, string clean) => Assert.Equal(clean, TerminalText.Clean(text));

    [Fact]
    public void Table_AlignsColumns()
    {
        var console = new TestConsole();
        var table = new Table("NAME", "SIZE", "") { RightAligned = new HashSet<int> { 1 } };
        table.Add("日本", "1 B", "loaded");
        table.Add("longer", "398 MB", "");

        table.Write(console.Console);

        Assert.Equal("NAME      SIZE\n日本       1 B  loaded\nlonger  398 MB\n", console.Out);
    }

    [Theory]
    [InlineData("", 10, 0, 0)]
    [InlineData("abc", 10, 0, 3)]
    [InlineData("0123456789", 10, 1, 0)]
    [InlineData("0123456789a", 10, 1, 1)]
    [InlineData("012345678日", 10, 1, 2)]
    public void Place_WrapsAsTerminalsDo(string text, int width, int row, int column) => Assert.Equal((row, column), LineLayout.Place(text, width));

    [Fact]
    public void LineBuffer_Edits()
    {
        var line = new LineBuffer();
        line.Insert("hello brave 🚀world");
        line.WordLeft();
        line.Left();
        line.Delete();
        Assert.Equal("hello brave world", line.Text);
        line.DeleteWordLeft();
        Assert.Equal("hello world", line.Text);
        line.Home();
        line.Right();
        line.Backspace();
        line.Backspace();
        Assert.Equal("ello world", line.Text);
        line.WordRight();
        line.DeleteToEnd();
        Assert.Equal("ello", line.Text);
        line.Left();
        line.DeleteToStart();
        Assert.Equal("o", line.Text);
        line.Set("again");
        Assert.Equal(5, line.Cursor);
    }

    [Fact]
    public void LineBuffer_AnyEdits_KeepCursorInsideAndPairsWhole()
    {
        Action<LineBuffer>[] edits =
        [
            static line => line.Insert("a b"), static line => line.Insert("🚀"), static line => line.Left(), static line => line.Right(), static line => line.Backspace(),
            static line => line.Delete(), static line => line.WordLeft(), static line => line.WordRight(), static line => line.DeleteWordLeft(), static line => line.Home(),
            static line => line.End(), static line => line.DeleteToStart(), static line => line.DeleteToEnd(),
        ];
        Prop.ForAll<byte[]>(choices =>
        {
            var line = new LineBuffer();
            foreach (var choice in choices ?? [])
            {
                edits[choice % edits.Length](line);
                if (line.Cursor < 0 || line.Cursor > line.Text.Length) return false;
                if (line.Text.EnumerateRunes().Any(static rune => rune == System.Text.Rune.ReplacementChar)) return false;
            }
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));
    }
}
