using System.Text;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Decoding;

/// <summary>
/// From sampled tokens to events: whole characters, nothing that may still become a stop string. Pure but for its state; not
/// thread-safe.
/// </summary>
public sealed class AnswerText(IReadOnlyList<string> stops)
{
    private readonly Utf8Assembler _characters = new();
    private readonly StopMatcher _stops = new(stops);
    private List<TokenSample> _untold = [];

    /// <summary>The stop string that ended the answer, or null.</summary>
    public string? StopFound => _stops.Found;

    /// <summary>Takes in the tokens of an answer that goes on: their text, as far as it may be told.</summary>
    /// <param name="holdsBack">False: all whole characters may be told, and stop strings are looked for in what follows alone.</param>
    public string Resume(IEnumerable<byte[]> tokens, bool holdsBack)
    {
        var text = new StringBuilder();
        foreach (var bytes in tokens)
        {
            var characters = _characters.Push(bytes);
            text.Append(holdsBack ? _stops.Push(characters) : characters);
        }
        return text.ToString();
    }

    /// <summary>What to tell after this token, or null when its text is held back.</summary>
    public TokensGenerated? Push(TokenSample token)
    {
        _untold.Add(token);
        var text = _stops.Push(_characters.Push(token.Bytes));
        return text.Length == 0 ? null : Tell(text);
    }

    /// <summary>What is left to tell at the end, or null.</summary>
    public TokensGenerated? Finish()
    {
        var text = _stops.Push(_characters.Flush());
        if (_stops.Found is null) text += _stops.Flush();
        return text.Length == 0 && _untold.Count == 0 ? null : Tell(text);
    }

    private TokensGenerated Tell(string text)
    {
        var told = new TokensGenerated(text, _untold);
        _untold = [];
        return told;
    }
}
