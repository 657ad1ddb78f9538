namespace Stoker.Engine.Decoding;

/// <summary>
/// How much of prompts goes into a step in which others decode. It learns what steps take, and gives prompts as many tokens as fit
/// into the time that the next token of the others may wait, and no more than three quarters of all time. Pure: times are given.
/// </summary>
public sealed class PromptPace
{
    /// <summary>What the prompts may add to a step: so much, or three steps of the others where those take longer.</summary>
    private const double LeastBudgetMs = 150;
    private const int BudgetSteps = 3;

    /// <summary>For this part of what prompts took, the others then decode alone.</summary>
    private const double OthersPart = 1 / 3d;

    /// <summary>More tokens are taken over the budget if they make the step so much longer at most.</summary>
    private const double NotMuchLonger = 1.5;

    /// <summary>With each step, what was not tried becomes likelier to be; what was and took too long, much later: depth only grows.</summary>
    private const double Forgetting = 0.99, ForgettingTried = 0.998;

    /// <summary>A step of the others counts for so many times what they took before at most: a machine that stood still for a moment says nothing about them.</summary>
    private const double MostSlower = 4;

    /// <summary>
    /// The first token of a prompt is computed together with those of the others, the rest by itself. Attention over 64 of them at
    /// once costs less than over 16 (llama.cpp's tiles): six thin layers took, at 12,000 cells, 145 ms for 16, 796 for 64, 136 for 65 and 239 for 129.
    /// </summary>
    private static readonly int[] Sizes = [16, 65, 129];

    // What each size adds to a step, in milliseconds.
    private readonly double[] _takes = [double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity];
    private readonly bool[] _isTried = new bool[Sizes.Length];
    private double _decodeMs;
    private double _owedMs;

    /// <summary>Tokens of prompts for the next step; 0: it is the others' alone.</summary>
    public int Tokens
    {
        get
        {
            if (_owedMs > 0) return 0;
            var budget = Math.Max(LeastBudgetMs, BudgetSteps * _decodeMs);
            for (var i = Sizes.Length - 1; i >= 0; i--)
            {
                if (_takes[i] <= budget) return Sizes[i];
            }
            // None fits.
            return _isTried[0] && (!_isTried[1] || _takes[1] < _takes[0] * NotMuchLonger) ? Sizes[1] : Sizes[0];
        }
    }

    /// <summary>A step ended.</summary>
    /// <param name="decoding">Answers that decoded one token each.</param>
    /// <param name="promptTokens">Beside them.</param>
    public void Took(int decoding, int promptTokens, double milliseconds)
    {
        if (decoding == 0)
        {
            _owedMs = 0; // nobody waits
        }
        else if (promptTokens == 0)
        {
            _decodeMs = _decodeMs == 0 ? milliseconds : (_decodeMs * 0.75) + (Math.Min(milliseconds, _decodeMs * MostSlower) * 0.25);
            _owedMs -= milliseconds;
        }
        else
        {
            var added = Math.Max(0, milliseconds - _decodeMs);
            _owedMs = (added * OthersPart) - _decodeMs;
            for (var i = 0; i < Sizes.Length; i++)
            {
                Learn(i, promptTokens, added);
                if (i > 0) _takes[i] = Math.Max(_takes[i], _takes[i - 1]);
            }
        }
    }

    private void Learn(int size, int tokens, double added)
    {
        ref var takes = ref _takes[size];
        if (tokens == Sizes[size])
        {
            takes = _isTried[size] ? (takes + added) / 2 : added;
            _isTried[size] = true;
            return;
        }
        // Fewer never take longer, and more no longer than as many such steps would.
        takes = Math.Min(takes * (_isTried[size] ? ForgettingTried : Forgetting), added * Math.Max(1, (double)Sizes[size] / tokens));
    }
}
