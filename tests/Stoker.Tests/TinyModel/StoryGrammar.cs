using System.Text.Json;
using System.Text.RegularExpressions;

namespace Stoker.Tests.TinyModel;

/// <summary>
/// Accepts exactly the stories that the corpus can contain: one sentence a beat, the words in braces bound once for the whole
/// story. The rules are data in heldout.json; tools/TinyModel/corpus/stories.py wrote them.
/// </summary>
internal sealed partial class StoryGrammar(JsonElement rules)
{
    private readonly Dictionary<string, string[]> _slots = rules.GetProperty("slots").EnumerateObject().ToDictionary(static slot => slot.Name, static slot => Texts(slot.Value));
    private readonly Dictionary<string, Dictionary<string, string>> _pronouns = rules.GetProperty("pronouns").EnumerateObject()
        .ToDictionary(static kind => kind.Name, static kind => kind.Value.EnumerateObject().ToDictionary(static word => word.Name, static word => word.Value.GetString()!));
    private readonly HashSet<string> _girls = [.. Texts(rules.GetProperty("girls"))];
    private readonly string[][][] _beats = [.. rules.GetProperty("beats").EnumerateArray().Select(static beat => Texts(beat).Select(static template => Braces().Split(template)).ToArray())];

    public bool Accepts(string story) => Beat(story, 0, 0, new Dictionary<string, string>());

    private bool Beat(string story, int at, int beat, Dictionary<string, string> bound)
    {
        if (beat == _beats.Length) return at == story.Length;
        if (beat > 0)
        {
            if (at >= story.Length || story[at] != ' ') return false;
            at++;
        }
        return _beats[beat].Any(template => Parts(story, at, beat, template, 0, bound));
    }

    private bool Parts(string story, int at, int beat, string[] template, int part, Dictionary<string, string> bound)
    {
        if (part == template.Length) return Beat(story, at, beat + 1, bound);
        var word = template[part];
        if (!word.StartsWith('{')) return Follows(word, bound);
        var slot = word[1..^1];
        if (!_slots.TryGetValue(slot, out var values)) return Follows(_pronouns[_girls.Contains(bound["name"]) ? "she" : "he"][slot], bound);
        if (bound.TryGetValue(slot, out var known)) return Follows(known, bound);
        return values.Any(value => !(slot == "helper" && bound.GetValueOrDefault("kind") == value) && Follows(value, new Dictionary<string, string>(bound) { [slot] = value }));

        bool Follows(string text, Dictionary<string, string> then) =>
            string.CompareOrdinal(story, at, text, 0, text.Length) == 0 && Parts(story, at + text.Length, beat, template, part + 1, then);
    }

    private static string[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(static text => text.GetString()!)];

    [GeneratedRegex(@"(\{\w+\})")]
    private static partial Regex Braces();
}
