using System.CommandLine;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Supply.Blobs;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker sessions export</c> and <c>import</c>: a conversation as one file.</summary>
public static class SessionFiles
{
    public static Command Export(CliContext context, GlobalOptions global)
    {
        var session = SessionCommands.One();
        var target = new Argument<string?>("file") { Description = $"Where to; - is standard output. Default: SESSION{SessionArchive.Extension}", HelpName = "FILE", Arity = ArgumentArity.ZeroOrOne };
        var force = new Option<bool>("--force") { Description = "Replace a file that is there." };
        var command = new Command("export", "Write a session into one file, without the holes of its own.") { session, target, force };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var name = parsed.GetValue(session)!;
            var path = parsed.GetValue(target) ?? name + SessionArchive.Extension;
            if (path == "-")
            {
                await using var output = Console.OpenStandardOutput();
                await client.ExportSessionAsync(name, output, interrupts.Token);
                return ExitCodes.Ok;
            }
            await WriteFileAsync(path, parsed.GetValue(force), file => client.ExportSessionAsync(name, file, interrupts.Token));
            context.Console.Out.WriteLine($"exported {name} to {path} ({Units.Bytes(new FileInfo(path).Length)})");
            return ExitCodes.Ok;
        }));
        return command;
    }

    public static Command Import(CliContext context, GlobalOptions global)
    {
        var source = new Argument<string>("file") { Description = "What export wrote; - is standard input.", HelpName = "FILE" };
        var name = new Option<string?>("--name") { Description = "Of the new session. Default: the file's name.", HelpName = "name" };
        var json = ListCommands.JsonFlag();
        var command = new Command("import", "Make a session of an exported file, every byte verified.") { source, name, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var path = parsed.GetValue(source)!;
            var named = parsed.GetValue(name)
                ?? (path == "-" ? throw new StokerException(ErrorKind.InvalidInput, "Say what to call the session that comes on standard input: --name NAME") : Path.GetFileName(path).Replace(SessionArchive.Extension, "", StringComparison.Ordinal));
            SessionName.Check(named);
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            await using var input = path == "-" ? Console.OpenStandardInput() : OpenFile(path);
            var made = await client.ImportSessionAsync(named, input, interrupts.Token);
            SessionCommands.WriteMade(context, parsed.GetValue(json), "imported", made);
            return ExitCodes.Ok;
        }));
        return command;
    }

    private static FileStream OpenFile(string path)
    {
        if (Directory.Exists(path)) throw new StokerException(ErrorKind.InvalidInput, $"{Printable.Short(path, 300)} is a folder: name the file that stoker sessions export wrote.");
        return File.Exists(path) ? File.OpenRead(path) : throw new StokerException(ErrorKind.NotFound, $"There is no file {Printable.Short(path, 300)}.");
    }

    // Under another name until it is whole: what was cut short is not taken for an archive, and nothing is replaced by it.
    private static async Task WriteFileAsync(string path, bool replace, Func<Stream, Task> write)
    {
        BlobExport.CheckTarget(path);
        if (!replace && File.Exists(path)) throw new StokerException(ErrorKind.Conflict, $"{path} exists already: choose another name, or --force.");
        var part = path + ".part";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            await using (var file = new FileStream(part, options)) await write(file);
            File.Move(part, path, overwrite: replace);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }
}
