using System.CommandLine;
using Stoker.Cli.Output;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker completion</c>: a script for the shell that asks the program itself what can come next.</summary>
public static class CompletionCommand
{
    // The program answers `stoker [suggest:POSITION] "command line"` with one word a line (System.CommandLine's directive).
    private const string Bash = """
        _stoker() {
            local cur words
            cur="${COMP_WORDS[COMP_CWORD]}"
            words="$(stoker "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)"
            # Readline breaks words at colons, and model names have them: offer only what comes after the last one.
            if [[ "$COMP_WORDBREAKS" == *:* ]]; then
                local typed="${COMP_LINE:0:COMP_POINT}"
                typed="${typed##* }"
                local prefix="${typed%"${typed##*:}"}"
                local IFS=$'\n'
                COMPREPLY=()
                local word
                for word in $words; do
                    [[ "$word" == "$typed"* ]] && COMPREPLY+=("${word#"$prefix"}")
                done
            else
                local IFS=$'\n'
                COMPREPLY=($(compgen -W "$words" -- "$cur"))
            fi
        }
        complete -o default -F _stoker stoker
        """;

    private const string Zsh = """
        #compdef stoker
        _stoker() {
            local -a words_found
            words_found=("${(@f)$(stoker "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -a words_found
        }
        compdef _stoker stoker
        """;

    private const string Fish = """
        function __stoker_complete
            set -l line (commandline -cp)
            stoker "[suggest:"(string length -- $line)"]" "$line" 2>/dev/null
        end
        complete -c stoker -f -a '(__stoker_complete)'
        """;

    public static Command Create(CliContext context)
    {
        var shell = new Argument<string>("shell") { Description = "Which shell.", HelpName = "bash|zsh|fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the script that teaches a shell to complete stoker's words.") { shell };
        command.SetAction(parsed =>
        {
            context.Console.Out.WriteLine(parsed.GetValue(shell) switch { "zsh" => Zsh, "fish" => Fish, _ => Bash });
            return ExitCodes.Ok;
        });
        return command;
    }
}
