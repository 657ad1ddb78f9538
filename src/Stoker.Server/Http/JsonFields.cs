using System.Text.Json;
using Stoker.Core.Errors;

namespace Stoker.Server.Http;

/// <summary>
/// Reads the fields of a JSON object one by one, and says which is wrong and what it must be. A field that is <c>null</c> is absent.
/// </summary>
/// <param name="element">An object.</param>
/// <param name="path">Where it stands in the body, e.g. <c>messages[2]</c>; empty at the top.</param>
public readonly struct JsonFields(JsonElement element, string path = "")
{
    public JsonElement Element => element;

    public string PathOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    public JsonElement? Find(string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public bool Has(string name) => Find(name) is not null;

    public string? Text(string name, int maxChars = int.MaxValue)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.String) throw Wrong(name, "must be a string");
        var text = TextOf(value, PathOf(name));
        return text.Length <= maxChars ? text : throw Wrong(name, $"has {text.Length} characters; at most {maxChars} are taken");
    }

    public string RequiredText(string name, int maxChars = int.MaxValue) =>
        Text(name, maxChars) is { Length: > 0 } text ? text : throw Wrong(name, "is required");

    public bool Flag(string name) => Find(name) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Wrong(name, "must be true or false"),
    };

    public long? Integer(string name, long min, long max)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number)) throw Wrong(name, $"must be an integer from {min} to {max}");
        return number >= min && number <= max ? number : throw Wrong(name, $"is {number}; it must be an integer from {min} to {max}");
    }

    /// <param name="aboveMin">True: the least value itself is not taken.</param>
    public float? Number(string name, double min, double max, bool aboveMin = false)
    {
        if (Find(name) is not { } value) return null;
        var range = aboveMin ? $"above {min} and at most {max}" : $"from {min} to {max}";
        // A literal like 1e999 reads as infinity, which no range has.
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number)) throw Wrong(name, $"must be a number {range}");
        if (!(number >= min && number <= max) || (aboveMin && number <= min)) throw Wrong(name, $"must be a number {range}");
        return (float)number;
    }

    public JsonFields? Object(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Object ? new JsonFields(value, PathOf(name)) : throw Wrong(name, "must be an object");
    }

    public RequestException Wrong(string name, string problem) => Wrong(PathOf(name), problem, code: null);

    /// <summary>A field that this version does not do.</summary>
    public RequestException Unsupported(string name, string advice) =>
        new(ErrorKind.Unsupported, $"'{PathOf(name)}' is not supported: {advice}", PathOf(name), "unsupported_parameter");

    public static RequestException Wrong(string field, string problem, string? code) =>
        new(ErrorKind.InvalidInput, $"'{field}' {problem}.", field, code ?? "invalid_value");

    /// <summary>A string's text; refuses half a surrogate pair and what is not UTF-8.</summary>
    public static string TextOf(JsonElement value, string field)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong(field, "is not valid Unicode", code: null);
        }
    }
}
