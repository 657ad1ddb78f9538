namespace Stoker.Cli.Output;

/// <summary>One line on standard error that is rewritten in place and leaves nothing behind. Without a terminal: silent.</summary>
public sealed class LiveLine(CliConsole console)
{
    private readonly bool _live = console.ErrorIsTerminal && console.Ansi;
    private string? _shown;

    public void Show(string text)
    {
        var cut = TextWidth.Cut(text, Math.Max(10, console.Width() - 1));
        if (!_live || cut == _shown) return;
        console.Error.Write($"\r\e[2K{console.Dim(cut)}");
        _shown = cut;
    }

    public void Clear()
    {
        if (_shown is null) return;
        console.Error.Write("\r\e[2K");
        _shown = null;
    }
}
