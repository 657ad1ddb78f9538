using System.CommandLine;
using System.Globalization;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker sessions</c>: kept conversations.</summary>
public static class SessionCommands
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var command = new Command("sessions", "List, copy, move and check kept conversations (`stoker run MODEL --session NAME` keeps one).");
        command.Add(List(context, global));
        command.Add(Show(context, global));
        command.Add(Remove(context, global));
        command.Add(Fork(context, global));
        command.Add(Rename(context, global));
        command.Add(SessionFiles.Export(context, global));
        command.Add(SessionFiles.Import(context, global));
        command.Add(Verify(context, global));
        return command;
    }

    internal static Argument<string> One(string description = "Name or id of a session.") => new Argument<string>("session") { Description = description, HelpName = "SESSION" }.NotEmpty();

    internal static void WriteMade(CliContext context, bool json, string what, SessionSummary made)
    {
        if (json) JsonOutput.Write(context.Console, made, static known => known.SessionSummary);
        else context.Console.Out.WriteLine($"{what} {made.Name} ({made.Cells} tokens)");
    }

    private static Command List(CliContext context, GlobalOptions global)
    {
        var json = ListCommands.JsonFlag();
        var all = new Option<bool>("--all", "-a") { Description = "Also those without a name, which the prompt cache keeps." };
        var command = new Command("list", "List kept conversations, those used last first.") { all, json };
        command.Aliases.Add("ls");
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var list = await client.SessionsAsync(parsed.GetValue(all), interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, list, static known => known.SessionList);
            else if (list.Sessions.Count == 0) context.Console.Note("No conversation is kept yet. Try: stoker run tiny --session first");
            else WriteList(context, list);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command Show(CliContext context, GlobalOptions global)
    {
        var session = One();
        var json = ListCommands.JsonFlag();
        var command = new Command("show", "Show what a session is and what was said in it.") { session, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var report = await client.SessionAsync(parsed.GetValue(session)!, interrupts.Token);
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, report, static known => known.SessionReport);
            else WriteReport(context, report);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command Remove(CliContext context, GlobalOptions global)
    {
        var sessions = new Argument<string[]>("sessions") { Description = "Names or ids.", HelpName = "SESSION", Arity = ArgumentArity.OneOrMore }.NotEmpty();
        var command = new Command("rm", "Remove sessions. Forks keep what they share with them.") { sessions };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            return await CommandRoot.EachAsync(context, parsed.GetValue(sessions)!, async session =>
            {
                var removed = await client.RemoveSessionAsync(session, interrupts.Token);
                context.Console.Out.WriteLine($"removed {removed.Name ?? removed.Id} ({Units.Bytes(removed.FreedBytes)} freed)");
            });
        }));
        return command;
    }

    private static Command Fork(CliContext context, GlobalOptions global) => Naming(
        context, global, "fork", "Begin another session as this one is now; what they have in common lies on disk once.", "forked to",
        static (client, naming, cancellationToken) => client.ForkSessionAsync(naming, cancellationToken));

    private static Command Rename(CliContext context, GlobalOptions global) => Naming(
        context, global, "rename", "Give a session another name.", "renamed to",
        static (client, naming, cancellationToken) => client.RenameSessionAsync(naming, cancellationToken));

    private static Command Naming(
        CliContext context, GlobalOptions global, string verb, string description, string done, Func<Client.DaemonClient, SessionNaming, CancellationToken, Task<SessionSummary>> act)
    {
        var session = One();
        var newName = new Argument<string>("new name") { Description = "Letters, digits, '.', '_' and '-'.", HelpName = "NEW" };
        var json = ListCommands.JsonFlag();
        var command = new Command(verb, description) { session, newName, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var made = await act(client, new SessionNaming(parsed.GetValue(session)!, parsed.GetValue(newName)!), interrupts.Token);
            WriteMade(context, parsed.GetValue(json), done, made);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static Command Verify(CliContext context, GlobalOptions global)
    {
        var session = new Argument<string?>("session") { Description = "Name or id; none: every session.", HelpName = "SESSION", Arity = ArgumentArity.ZeroOrOne }.NotEmpty();
        var json = ListCommands.JsonFlag();
        var command = new Command("verify", "Read every byte of kept conversations and compare it with its sum.") { session, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var line = new LiveLine(context.Console);
            var checks = new List<SessionVerified>();
            await foreach (var check in client.VerifySessionsAsync(parsed.GetValue(session), interrupts.Token))
            {
                if (!check.IsDone)
                {
                    line.Show($"verifying {check.Name ?? check.Id}  {Units.Bytes(check.ReadBytes)} of {check.Cells} tokens");
                    continue;
                }
                line.Clear();
                checks.Add(check);
                WriteCheck(context, parsed.GetValue(json), check);
            }
            if (parsed.GetValue(json)) JsonOutput.Write(context.Console, new SessionChecks(checks), static known => known.SessionChecks);
            if (checks.Any(static check => check.Damage is not null)) return ExitCodes.Of(ErrorKind.Corrupt);
            return checks.Any(static check => check.Problem is not null) ? ExitCodes.Of(ErrorKind.Io) : ExitCodes.Ok;
        }));
        return command;
    }

    private static void WriteCheck(CliContext context, bool asJson, SessionVerified check)
    {
        var shown = check.Name ?? check.Id;
        if (check.Damage is { } damage) context.Console.Note($"{shown}: {Printable.Short(damage, 300)}; they are computed again from its text when it goes on");
        else if (check.Problem is { } problem) context.Console.Note($"{shown}: {Printable.Short(problem, 300)}");
        else if (!asJson) context.Console.Out.WriteLine($"{shown}: {check.Cells} tokens are as they were saved ({Units.Bytes(check.ReadBytes)} read)");
    }

    private static void WriteList(CliContext context, SessionList list)
    {
        var table = new Table("NAME", "MODEL", "TOKENS", "MESSAGES", "SIZE", "SHARED", "USED", "") { RightAligned = new HashSet<int> { 2, 3, 4, 5 } };
        foreach (var session in list.Sessions)
        {
            table.Add(
                session.Name ?? session.Id,
                Printable.Short(session.Identity?.Model ?? "-"),
                session.Cells.ToString(CultureInfo.InvariantCulture),
                session.Messages.ToString(CultureInfo.InvariantCulture),
                Units.Bytes(session.OwnBytes),
                session.SharedBytes > 0 ? Units.Bytes(session.SharedBytes) : "-",
                Units.Ago(context.Time.GetUtcNow() - session.UsedAt),
                State(session));
        }
        table.Write(context.Console);
        if (list.QuotaBytes is { } quota) context.Console.Note($"{Units.Bytes(list.UsedBytes)} of sessions.quota, which is {Units.Bytes(quota)}");
    }

    private static void WriteReport(CliContext context, SessionReport report)
    {
        var console = context.Console;
        var session = report.Summary;
        void Line(string name, string? value)
        {
            if (value is { Length: > 0 }) console.Out.WriteLine($"{TextWidth.Pad(name, 14)}{value}");
        }
        Line("name", session.Name);
        Line("id", session.Id);
        Line("state", State(session));
        Line("model", Printable.Short(session.Identity?.Model));
        Line("digest", Printable.Short(session.Identity?.ModelDigest));
        Line("runtime", Printable.Short(session.Identity?.Runtime));
        Line("cache", session.Identity is { } identity ? Printable.Short($"{identity.KvTypes}, {identity.Shape}, {identity.Rope}", 300) : null);
        Line("tokens", session.Cells.ToString(CultureInfo.InvariantCulture));
        Line("size", Units.Bytes(session.OwnBytes) + (session.SharedBytes > 0 ? $" and {Units.Bytes(session.SharedBytes)} shared with forks" : ""));
        Line("made", Units.Ago(context.Time.GetUtcNow() - session.CreatedAt));
        Line("used", Units.Ago(context.Time.GetUtcNow() - session.UsedAt));
        if (session is { IsUnfinished: true, Name: { } name }) Line("last answer", $"unfinished; it goes on with: stoker run {Printable.Short(session.Identity?.Model ?? "MODEL")} --session {name} --continue");
        Line("problem", Printable.Short(report.Problem, 400));
        foreach (var message in report.Messages ?? [])
        {
            console.Out.WriteLine();
            console.Out.WriteLine(console.Bold(Printable.Short(message.Role)));
            console.Out.WriteLine(TerminalText.Clean(message.Content));
        }
    }

    private static string State(SessionSummary session) => session.State switch
    {
        SessionState.InUse => "in use",
        SessionState.Empty => "empty",
        SessionState.Damaged => "damaged",
        _ => session.Name is null ? "prompt cache" : "",
    };
}
