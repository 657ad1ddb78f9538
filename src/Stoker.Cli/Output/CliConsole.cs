using System.Text;

namespace Stoker.Cli.Output;

/// <summary>Where a command writes and reads: the process's streams, or a test's. Answers go to <see cref="Out"/>, all else to <see cref="Error"/>.</summary>
public sealed record CliConsole
{
    public required TextWriter Out { get; init; }
    public required TextWriter Error { get; init; }
    public required TextReader In { get; init; }
    public bool InIsTerminal { get; init; }
    public bool OutIsTerminal { get; init; }
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Colours and cursor movements may be used on the terminal (<c>NO_COLOR</c> and <c>TERM=dumb</c> forbid them).</summary>
    public bool Ansi { get; init; }

    /// <summary>Columns of the terminal; asked each time, because windows change.</summary>
    public Func<int> Width { get; init; } = static () => 80;

    /// <summary>The process's own streams, UTF-8 whatever the locale says.</summary>
    public static CliConsole OfProcess(IReadOnlyDictionary<string, string> environment)
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new CliConsole
        {
            Out = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true }),
            Error = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardError(), utf8) { AutoFlush = true }),
            In = new StreamReader(Console.OpenStandardInput(), utf8),
            InIsTerminal = !Console.IsInputRedirected,
            OutIsTerminal = !Console.IsOutputRedirected,
            ErrorIsTerminal = !Console.IsErrorRedirected,
            Ansi = environment.GetValueOrDefault("TERM") is not (null or "" or "dumb") && string.IsNullOrEmpty(environment.GetValueOrDefault("NO_COLOR")),
            Width = WindowWidth,
        };
    }

    /// <summary>A line on standard error: what is going on, never an answer.</summary>
    public void Note(string text)
    {
        try
        {
            Error.WriteLine(text);
        }
        catch (IOException)
        {
            // A full disk, or nobody at the other end: what the command does is not its words.
        }
    }

    /// <summary>Text dimmed where the terminal can.</summary>
    public string Dim(string text) => Ansi && ErrorIsTerminal ? $"\e[2m{text}\e[0m" : text;

    /// <summary>Text in bold where the terminal can.</summary>
    public string Bold(string text) => Ansi && OutIsTerminal ? $"\e[1m{text}\e[0m" : text;

    private static int WindowWidth()
    {
        try
        {
            return Console.WindowWidth is > 0 and var width ? width : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
