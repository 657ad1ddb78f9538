using System.Text;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Cli.Commands;

/// <summary>
/// The interactive chat: keeps the conversation, streams answers. Ctrl-C stops an answer, and at the prompt clears the line; twice
/// in a row, Ctrl-D or <c>/bye</c> leave.
/// </summary>
public sealed class ChatLoop(CliContext context, AnswerPrinter printer, string model, string? system)
{
    private const string Fence = "\"\"\"";

    private const string Help = """
        Write a message and press Enter.
          ""\"        begins and ends a message of several lines
          /continue  go on with the last answer, where it was cut short (with --session)
          /clear     forget the conversation
          /help      this text
          /bye       leave (Ctrl-D does too)
        Ctrl-C stops an answer; at the prompt it clears the line, and twice leaves.
        """;

    private readonly CliConsole _console = context.Console;
    private readonly List<ChatTurn> _turns = [];
    private readonly LineEditor _editor = new(context.Console);

    // A session's conversation is the runner's; here it only says whether the next message begins it anew.
    private bool _startAnew;

    public async Task<int> RunAsync(Interrupts interrupts)
    {
        Forget();
        _startAnew = false;
        if (!_console.InIsTerminal) return await TakeLinesAsync(interrupts);
        // Ctrl-C is a key at the prompt, between two keys as well, and a signal only while an answer comes.
        Console.TreatControlCAsInput = true;
        try
        {
            return await TalkAsync(interrupts);
        }
        finally
        {
            Console.TreatControlCAsInput = false;
        }
    }

    private async Task<int> TalkAsync(Interrupts interrupts)
    {
        _console.Note(_console.Dim($"{Printable.Short(model)} — /help for help, /bye to leave"));
        while (ReadMessage() is { } message)
        {
            switch (message.Trim())
            {
                case "": continue;
                case "/bye" or "/exit" or "/quit": return ExitCodes.Ok;
                case "/help" or "/?": _console.Note(Help.Replace("\\", "", StringComparison.Ordinal)); continue;
                case "/clear":
                    Forget();
                    _console.Note(_console.Dim("The conversation is forgotten."));
                    continue;
                case "/continue":
                    await ContinueAsync(interrupts);
                    continue;
                case var command when command.StartsWith('/') && !command.Contains(' ', StringComparison.Ordinal) && !command.Contains('\n', StringComparison.Ordinal):
                    _console.Note($"There is no {Printable.Short(command)}; /help lists what there is.");
                    continue;
            }
            await AnswerAsync(message, interrupts.Renew());
        }
        return ExitCodes.Ok;
    }

    /// <summary>Messages piped in, a line each; the first that fails ends it.</summary>
    private async Task<int> TakeLinesAsync(Interrupts interrupts)
    {
        while (await _console.In.ReadLineAsync(interrupts.Token) is { } line)
        {
            if (line.Trim() is "/bye" or "/exit" or "/quit") break;
            if (string.IsNullOrWhiteSpace(line)) continue;
            _turns.Add(new ChatTurn("user", line));
            var answer = await printer.PrintAsync(_turns, new TimeLine(), interrupts.Token);
            if (answer.Interrupted) return ExitCodes.Interrupted;
            Heard(answer.Text);
        }
        return ExitCodes.Ok;
    }

    private void Heard(string answer)
    {
        if (printer.InSession) _turns.Clear();
        else if (answer.Length > 0) _turns.Add(new ChatTurn("assistant", answer));
        else _turns.RemoveAt(_turns.Count - 1);
        _startAnew = false;
    }

    private async Task AnswerAsync(string message, CancellationToken cancellationToken)
    {
        _turns.Add(new ChatTurn("user", message));
        if (await PrintAsync(_turns, cancellationToken) is { } answer) Heard(answer.Text); // what was said stays said, even when it was cut short
        else _turns.RemoveAt(_turns.Count - 1);
    }

    /// <summary>Null: it failed, and that was told.</summary>
    private async Task<PrintedAnswer?> PrintAsync(IReadOnlyList<ChatTurn> turns, CancellationToken cancellationToken)
    {
        Console.TreatControlCAsInput = false;
        try
        {
            return await printer.PrintAsync(turns, new TimeLine(), cancellationToken, _startAnew);
        }
        catch (StokerException problem)
        {
            CommandRoot.Tell(_console, problem);
            if (problem.Kind == ErrorKind.ContextOverflow) _console.Note("The conversation is too long for the model's context: /clear begins anew.");
            return null;
        }
        finally
        {
            Console.TreatControlCAsInput = true;
        }
    }

    private async Task ContinueAsync(Interrupts interrupts)
    {
        if (!printer.InSession) _console.Note("Only a kept conversation remembers how its answer goes on: chat with --session NAME.");
        else if (_startAnew) _console.Note("The conversation is forgotten: there is no answer to go on with.");
        else await PrintAsync([], interrupts.Renew());
    }

    /// <summary>The next message, or null to leave.</summary>
    private string? ReadMessage()
    {
        var hinted = false;
        while (true)
        {
            var (end, text) = _editor.Read(">>> ");
            if (end == LineEnd.Closed) return null;
            if (end == LineEnd.Interrupted)
            {
                if (text.Length == 0 && hinted) return null;
                if (text.Length == 0) _console.Note(_console.Dim("Ctrl-C again leaves (so does Ctrl-D)."));
                hinted = text.Length == 0;
                continue;
            }
            hinted = false;
            if (!text.TrimStart().StartsWith(Fence, StringComparison.Ordinal)) return text;
            if (ReadBlock(text.TrimStart()[Fence.Length..]) is { } block) return block;
        }
    }

    /// <summary>Lines up to the closing fence, or null when it was interrupted.</summary>
    private string? ReadBlock(string first)
    {
        var text = new StringBuilder();
        var line = first;
        while (true)
        {
            var close = line.IndexOf(Fence, StringComparison.Ordinal);
            if (close >= 0) return text.Append(line[..close]).ToString().Trim('\n');
            text.Append(line).Append('\n');
            (var end, line) = _editor.Read("... ");
            if (end != LineEnd.Entered) return null;
        }
    }

    private void Forget()
    {
        _turns.Clear();
        _startAnew = true;
        if (system is not null) _turns.Add(new ChatTurn("system", system));
    }
}
