namespace Stoker.Engine.Decoding;

/// <summary>
/// Bounds on a grammar, because llama.cpp reads and follows it recursively: nested or chained deep enough it runs out of stack,
/// which ends the process. Whether it means something is for llama.cpp to say. Pure.
/// </summary>
public static class GrammarChecks
{
    public const int MaxLength = 256 * 1024;
    public const int MaxNesting = 200;
    public const int MaxRules = 2000;

    /// <summary>A sentence that says what is too much, or null.</summary>
    public static string? FindProblem(string grammar)
    {
        if (grammar.Length > MaxLength) return $"A grammar has at most {MaxLength} characters, not {grammar.Length}.";
        var depth = 0;
        var rules = 0;
        for (var i = 0; i < grammar.Length; i++)
        {
            switch (grammar[i])
            {
                case '"':
                    i = EndOf(grammar, i, '"');
                    break;
                case '[':
                    i = EndOf(grammar, i, ']');
                    break;
                case '#':
                    while (i + 1 < grammar.Length && grammar[i + 1] != '\n') i++;
                    break;
                case '(':
                    if (++depth > MaxNesting) return $"A grammar nests parentheses at most {MaxNesting} deep.";
                    break;
                case ')':
                    depth--;
                    break;
                case ':' when grammar.AsSpan(i).StartsWith("::="):
                    if (++rules > MaxRules) return $"A grammar has at most {MaxRules} rules.";
                    break;
                default:
                    break;
            }
        }
        return null;
    }

    private static int EndOf(string grammar, int start, char end)
    {
        var i = start + 1;
        for (; i < grammar.Length && grammar[i] != end; i++)
        {
            if (grammar[i] == '\\') i++;
        }
        return i;
    }
}
