using Stoker.Core.Formats.Gguf;

namespace TinyModel;

/// <summary>
/// A byte-level vocabulary in GPT-2's alphabet that takes any text: 256 bytes, ChatML's three control tokens, one merge, and
/// invented words up to the wanted size, so that what a random model says is text.
/// </summary>
internal static class ByteVocabulary
{
    public const int EndOfText = 256;
    public const int StartOfTurn = 257;
    public const int EndOfTurn = 258;
    private const int TypeNormal = 1;
    private const int TypeControl = 3;
    private const string Consonants = "bdfghjklmnprstvwxyzc";
    private const string Vowels = "aeiou";

    public const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    public static void AddTo(GgufWriter writer, int size)
    {
        var space = ByteLetters()[' '];
        var tokens = new List<string>(size);
        tokens.AddRange(Alphabet());
        tokens.AddRange(["<|endoftext|>", "<|im_start|>", "<|im_end|>", space + space]);
        for (var i = 0; tokens.Count < size; i++) tokens.Add(space + Word(i));
        var types = Enumerable.Range(0, size).Select(static id => id is EndOfText or StartOfTurn or EndOfTurn ? TypeControl : TypeNormal).ToArray();

        writer.Set(GgufKeys.TokenizerModel, "gpt2");
        writer.Set(GgufKeys.TokenizerPre, "qwen2");
        writer.Set(GgufKeys.Tokens, tokens);
        writer.Set(GgufKeys.TokenTypes, types);
        writer.Set(GgufKeys.Merges, [space + " " + space]);
        writer.Set(GgufKeys.EosTokenId, (uint)EndOfTurn);
        writer.Set(GgufKeys.PaddingTokenId, (uint)EndOfText);
        writer.Set(GgufKeys.AddBosToken, false);
        writer.Set(GgufKeys.ChatTemplate, ChatMl);
    }

    /// <summary>The letter that stands for each byte (GPT-2's bytes_to_unicode): printable bytes for themselves, the others from U+0100 on.</summary>
    public static string[] ByteLetters()
    {
        var letters = new string[256];
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var letter = IsPrintable(value) ? value : next++;
            letters[value] = ((char)letter).ToString();
        }
        return letters;
    }

    /// <summary>The 256 letters in the order of GPT-2's ids: printable ones first.</summary>
    private static IEnumerable<string> Alphabet()
    {
        var letters = ByteLetters();
        return Enumerable.Range(0, 256).OrderBy(static value => !IsPrintable(value)).Select(value => letters[value]);
    }

    private static bool IsPrintable(int value) => value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);

    /// <summary>Two syllables for the first 10 000, then three: unique and pronounceable.</summary>
    private static string Word(int index)
    {
        const int Syllables = 100;
        var word = Syllable(index % Syllables) + Syllable(index / Syllables % Syllables);
        return index < Syllables * Syllables ? word : word + Syllable(index / (Syllables * Syllables) - 1);
    }

    private static string Syllable(int index) => $"{Consonants[index % Consonants.Length]}{Vowels[index / Consonants.Length % Vowels.Length]}";
}
