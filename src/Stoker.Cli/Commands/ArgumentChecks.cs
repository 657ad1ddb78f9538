using System.CommandLine;

namespace Stoker.Cli.Commands;

/// <summary>What no argument means, whoever takes it.</summary>
public static class ArgumentChecks
{
    /// <summary>Refuses an empty text, which a script's unset variable becomes.</summary>
    public static Argument<T> NotEmpty<T>(this Argument<T> argument)
    {
        argument.Validators.Add(result =>
        {
            if (result.Tokens.Any(static token => string.IsNullOrWhiteSpace(token.Value))) result.AddError($"{argument.HelpName ?? argument.Name} is empty.");
        });
        return argument;
    }
}
