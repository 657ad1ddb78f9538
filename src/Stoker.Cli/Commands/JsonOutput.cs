using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stoker.Cli.Output;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>--json</c>: what the daemon answered, indented, on standard output.</summary>
public static class JsonOutput
{
    private static readonly AdminJson Indented = new(new JsonSerializerOptions(AdminJson.Default.Options)
    {
        WriteIndented = true,
        // For files and terminals, not for a page of HTML: letters stay letters.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>One line, for a reader that takes them as they come.</summary>
    public static void WriteLine<T>(CliConsole console, T value, Func<AdminJson, JsonTypeInfo<T>> type)
    {
        console.Out.WriteLine(JsonSerializer.Serialize(value, type(AdminJson.Default)));
        console.Out.Flush();
    }

    public static void Write<T>(CliConsole console, T value, Func<AdminJson, JsonTypeInfo<T>> type) =>
        console.Out.WriteLine(JsonSerializer.Serialize(value, type(Indented)));
}
