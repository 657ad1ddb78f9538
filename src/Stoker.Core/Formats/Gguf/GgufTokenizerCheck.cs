using Stoker.Core.Errors;

namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Looks at a vocabulary while it passes by: token texts are bounded and unique (libllama aborts the process on a repeated
/// one), scores and types are there for every token.
/// </summary>
internal sealed class GgufTokenizerCheck
{
    private long _firstTokenBytes;

    /// <summary>Reads past the strings of any string array, looking closer at the vocabulary.</summary>
    public void ReadTexts(GgufCursor cursor, string key, long count)
    {
        var isVocabulary = key is GgufKeys.Tokens or GgufKeys.Merges;
        if (isVocabulary && count > GgufLimits.VocabularyTokens)
            throw cursor.Bad(cursor.PositionBytes, $"'{key}' has {count} entries, more than {GgufLimits.VocabularyTokens}");
        var maxBytes = isVocabulary ? GgufLimits.TokenBytes : GgufLimits.TextBytes;
        var shown = Printable.Short(key);
        var what = $"an element of '{shown}'";
        if (key != GgufKeys.Tokens)
        {
            for (var i = 0L; i < count; i++) SkipText(cursor, what, maxBytes);
            return;
        }
        _firstTokenBytes = cursor.PositionBytes;
        // 8 bytes a token, which the file has at least for each: its length.
        var hashes = new ulong[count];
        for (var i = 0; i < count; i++) hashes[i] = Hash(cursor.ReadTextBytes(what, maxBytes), i);
        Array.Sort(hashes);
        for (var i = 1; i < hashes.Length; i++)
        {
            if (hashes[i] == hashes[i - 1]) throw cursor.Bad(_firstTokenBytes, $"a token of '{shown}' appears twice");
        }
    }

    /// <summary>Lengths and types of the vocabulary's arrays, once all keys are read.</summary>
    public void Check(Dictionary<string, GgufValue> values, GgufCursor cursor)
    {
        if (!values.TryGetValue(GgufKeys.Tokens, out var tokens)) return;
        if (tokens.Array is not { ElementType: GgufValueType.String } list)
            throw cursor.Bad(cursor.PositionBytes, $"'{GgufKeys.Tokens}' is {tokens}, not an array of strings");
        CheckCompanion(GgufKeys.TokenTypes, GgufValueType.Int32, GgufValueType.Int32);
        CheckCompanion(GgufKeys.Scores, GgufValueType.Float32, GgufValueType.Int32);
        if (values.TryGetValue(GgufKeys.Merges, out var merges) && merges.Array is not { ElementType: GgufValueType.String })
            throw cursor.Bad(cursor.PositionBytes, $"'{GgufKeys.Merges}' is {merges}, not an array of strings");

        void CheckCompanion(string key, GgufValueType type, GgufValueType otherType)
        {
            if (!values.TryGetValue(key, out var companion)) return;
            if (companion.Array is not { } array || (array.ElementType != type && array.ElementType != otherType))
                throw cursor.Bad(cursor.PositionBytes, $"'{key}' is {companion}, not an array of {type}");
            if (array.Count < list.Count)
                throw cursor.Bad(array.PositionBytes, $"'{key}' has {array.Count} entries for {list.Count} tokens");
        }
    }

    private static void SkipText(GgufCursor cursor, string what, int maxBytes)
    {
        var at = cursor.PositionBytes;
        var length = cursor.ReadUInt64(what);
        if (length > (ulong)cursor.RemainingBytes) throw cursor.Bad(at, $"{what} says {length} bytes, but only {cursor.RemainingBytes} follow");
        if (length > (ulong)maxBytes) throw cursor.Bad(at, $"{what} has {length} bytes, more than the {maxBytes} that Stoker reads");
        cursor.Skip((long)length, what);
    }

    /// <summary>
    /// 64-bit FNV-1a with a final mix. A file whose author looks for collisions only has itself refused. Empty tokens get the
    /// number that libllama tells them apart by.
    /// </summary>
    private static ulong Hash(ReadOnlySpan<byte> text, int index)
    {
        var hash = 14695981039346656037UL;
        foreach (var value in text) hash = unchecked((hash ^ value) * 1099511628211UL);
        if (text.IsEmpty) hash = unchecked((hash ^ (ulong)index) * 0x9E3779B97F4A7C15UL + 1);
        hash ^= hash >> 32;
        hash = unchecked(hash * 0xD6E8FEB86659FD93UL);
        return hash ^ (hash >> 32);
    }
}
