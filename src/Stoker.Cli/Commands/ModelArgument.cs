using System.CommandLine;
using System.CommandLine.Completions;
using Stoker.Core.Errors;

namespace Stoker.Cli.Commands;

/// <summary>The argument that names a model: completed from what is installed, made independent of the working folder.</summary>
public static class ModelArgument
{
    private static readonly TimeSpan CompletionPatience = TimeSpan.FromMilliseconds(500);

    public static Argument<string> One(GlobalOptions global, string description) => Complete(new Argument<string>("model") { Description = description, HelpName = "MODEL" }.NotEmpty(), global);

    public static Argument<string?> Optional(GlobalOptions global, string description) =>
        Complete(new Argument<string?>("model") { Description = description, HelpName = "MODEL", Arity = ArgumentArity.ZeroOrOne }.NotEmpty(), global);

    public static Argument<string[]> Several(GlobalOptions global, string description) =>
        Complete(new Argument<string[]>("models") { Description = description, HelpName = "MODEL", Arity = ArgumentArity.OneOrMore }.NotEmpty(), global);

    public static Argument<string[]> AnyNumber(GlobalOptions global, string description) =>
        Complete(new Argument<string[]>("models") { Description = description, HelpName = "MODEL", Arity = ArgumentArity.ZeroOrMore }.NotEmpty(), global);

    /// <summary>
    /// A path becomes absolute, because the daemon has another working folder; anything else stays as typed. Paths are what the
    /// reference parser takes for paths: <c>/…</c>, <c>./…</c>, <c>../…</c>, <c>~…</c>, <c>file:…</c>, or an existing .gguf.
    /// </summary>
    public static string Absolute(string typed, IReadOnlyDictionary<string, string> environment)
    {
        const string scheme = "file:";
        if (typed.StartsWith(scheme, StringComparison.Ordinal) && !typed.StartsWith("file://", StringComparison.Ordinal))
            return typed.Length > scheme.Length ? scheme + Path.GetFullPath(typed[scheme.Length..]) : typed;
        if (typed == "~" || typed.StartsWith("~/", StringComparison.Ordinal))
        {
            return environment.GetValueOrDefault("HOME") is { Length: > 0 } user
                ? Path.GetFullPath(Path.Join(user, typed[1..]))
                : throw new StokerException(ErrorKind.InvalidInput, $"HOME is not set, so '{Printable.Short(typed)}' means no folder: write the whole path.");
        }
        var isPath = typed.StartsWith('/') || typed.StartsWith("./", StringComparison.Ordinal) || typed.StartsWith("../", StringComparison.Ordinal)
            || (typed.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && !typed.Contains('\0', StringComparison.Ordinal) && File.Exists(typed));
        return isPath && !typed.Contains('\0', StringComparison.Ordinal) ? Path.GetFullPath(typed) : typed;
    }

    private static Argument<T> Complete<T>(Argument<T> argument, GlobalOptions global)
    {
        argument.CompletionSources.Add(completion => Installed(global, completion));
        return argument;
    }

    // Never starts a daemon, never waits long, never fails: a shell asks while somebody types.
    private static IEnumerable<CompletionItem> Installed(GlobalOptions global, CompletionContext completion)
    {
        try
        {
            using var patience = new CancellationTokenSource(CompletionPatience);
            return InstalledAsync(global, completion, patience.Token).GetAwaiter().GetResult();
        }
        catch (Exception problem) when (problem is StokerException or OperationCanceledException)
        {
            return [];
        }
    }

    private static async Task<IReadOnlyList<CompletionItem>> InstalledAsync(GlobalOptions global, CompletionContext completion, CancellationToken cancellationToken)
    {
        using var client = await global.TryConnectAsync(completion.ParseResult, cancellationToken);
        if (client is null) return [];
        var models = await client.ModelsAsync(cancellationToken);
        return [.. models.Models.SelectMany(static model => model.Aliases.Prepend(model.Name)).Distinct().Select(static name => new CompletionItem(name))];
    }
}
