using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Core.Errors;

namespace Stoker.Core.Settings;

/// <summary>What <c>config.json</c> says.</summary>
/// <param name="Values">Texts by JSON key; only keys of <see cref="SettingNames"/>.</param>
/// <param name="Problems">What is wrong with it, each a sentence.</param>
public sealed record ConfigContent(IReadOnlyDictionary<string, IReadOnlyList<string>> Values, IReadOnlyList<string> Problems)
{
    public static ConfigContent Empty { get; } = new(new Dictionary<string, IReadOnlyList<string>>(), []);
}

/// <summary>
/// <c>config.json</c>: <c>{"version":1, "port":5050, …}</c>, keys as in <see cref="SettingNames"/>. Comments and trailing commas
/// are read. Written whole, by rename, mode 0600, because keys may stand in it.
/// </summary>
public static class ConfigFile
{
    /// <summary>The only version there is.</summary>
    public const int Version = 1;

    private const int MaxBytes = 1 << 20;
    private const string VersionKey = "version";

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8 };

    /// <summary>An absent file is empty; a wrong one gives problems, not an exception.</summary>
    public static ConfigContent Read(string path)
    {
        try
        {
            return ReadText(path) is { } text ? Parse(text) : ConfigContent.Empty;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return Wrong($"{path} cannot be read: {problem.Message}");
        }
    }

    /// <summary>The pure part of <see cref="Read"/>.</summary>
    public static ConfigContent Parse(string text)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text, Lenient);
        }
        catch (JsonException problem)
        {
            return Wrong($"config.json is not JSON (line {problem.LineNumber + 1}): fix it or move it away (`stoker config path` says where it is).");
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object) return Wrong("config.json must hold one JSON object.");
            var values = new Dictionary<string, IReadOnlyList<string>>();
            var problems = new List<string>();
            foreach (var member in document.RootElement.EnumerateObject()) Take(member, values, problems);
            return new ConfigContent(values, problems);
        }
    }

    /// <summary>Sets (or with null removes) one key and writes the file anew. The value must have been checked.</summary>
    public static void Set(string path, Setting setting, IReadOnlyList<string>? texts)
    {
        var root = ReadText(path) is { } text
            ? JsonNode.Parse(text, documentOptions: Lenient) as JsonObject ?? throw new StokerException(ErrorKind.InvalidInput, "config.json must hold one JSON object.")
            : new JsonObject();
        root[VersionKey] ??= Version;
        if (texts is null) root.Remove(setting.Key); else root[setting.Key] = ToNode(setting, texts);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var fresh = $"{path}.new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var stream = new FileStream(fresh, options))
        {
            using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            root.WriteTo(writer);
            writer.Flush();
            stream.Write("\n"u8);
            stream.Flush(flushToDisk: true);
        }
        File.Move(fresh, path, overwrite: true);
    }

    private static void Take(JsonProperty member, Dictionary<string, IReadOnlyList<string>> values, List<string> problems)
    {
        if (member.Name == VersionKey)
        {
            if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt32(out var version) || version != Version)
                problems.Add($"config.json has version {Printable.Short(member.Value.GetRawText())}, and this program reads version {Version}.");
            return;
        }
        if (SettingNames.Find(member.Name) is not { InFile: true } setting)
        {
            problems.Add($"config.json: there is no setting '{Printable.Short(member.Name)}'{Suggest(member.Name)}");
            return;
        }
        if (Texts(member.Value) is { } texts) values[setting.Key] = texts;
        else problems.Add($"{setting.Key} (config.json): neither text, number nor a list of texts.");
    }

    private static IReadOnlyList<string>? Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => [value.GetString()!],
        JsonValueKind.Number => [value.GetRawText()],
        JsonValueKind.Array when value.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String) =>
            [.. value.EnumerateArray().Select(static item => item.GetString()!)],
        _ => null,
    };

    private static JsonNode ToNode(Setting setting, IReadOnlyList<string> texts) => setting.Kind switch
    {
        SettingKind.List => new JsonArray([.. texts.Select(static text => (JsonNode)JsonValue.Create(text))]),
        SettingKind.Number => JsonValue.Create(SettingText.ParseNumber(SettingText.Single(texts))),
        _ => JsonValue.Create(SettingText.Single(texts)),
    };

    /// <summary>The end of a sentence: "; did you mean 'port'?" when a known key is near, else a full stop. Letters alone count: <c>keepAlive</c> is near <c>keep_alive</c>.</summary>
    public static string Suggest(string key)
    {
        var near = SettingNames.All.Select(setting => (setting.Key, Distance: Distance(Letters(key), Letters(setting.Key)))).MinBy(static pair => pair.Distance);
        return near.Distance <= 2 ? $"; did you mean '{near.Key}'?" : ".";
    }

    private static string Letters(string key) => string.Concat(key.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();

    /// <summary>Levenshtein distance: letters to insert, delete or replace. Over 40 letters: far away.</summary>
    public static int Distance(string left, string right)
    {
        if (left.Length > 40) return int.MaxValue;
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var current = new int[right.Length + 1];
            current[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var replace = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
                current[j] = Math.Min(replace, Math.Min(previous[j], current[j - 1]) + 1);
            }
            previous = current;
        }
        return previous[right.Length];
    }

    private static string? ReadText(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaxBytes) throw new IOException($"it is larger than {SettingText.Size(MaxBytes)}.");
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return reader.ReadToEnd();
        }
        catch (Exception absent) when (absent is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static ConfigContent Wrong(string problem) => ConfigContent.Empty with { Problems = [problem] };
}
