using Stoker.Cli.Output;

namespace Stoker.Tests.Cli;

/// <summary>A console whose text can be read back.</summary>
public sealed class TestConsole
{
    private readonly StringWriter _out = new() { NewLine = "\n" };
    private readonly StringWriter _error = new() { NewLine = "\n" };

    public TestConsole(string input = "", bool terminal = false) => Console = new CliConsole
    {
        Out = _out,
        Error = _error,
        In = new StringReader(input),
        InIsTerminal = terminal,
        OutIsTerminal = terminal,
        ErrorIsTerminal = terminal,
        Ansi = terminal,
        Width = static () => 100,
    };

    public CliConsole Console { get; }

    public string Out => _out.ToString();

    public string Error => _error.ToString();
}
