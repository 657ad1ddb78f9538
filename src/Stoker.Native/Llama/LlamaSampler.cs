using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Llama;

/// <summary>What a sampler chain does. Every number is final: defaults are decided above.</summary>
public sealed record SamplerSettings
{
    /// <summary>0: greedy.</summary>
    public required float Temperature { get; init; }

    /// <summary>0: off.</summary>
    public int TopK { get; init; }

    /// <summary>1: off.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>0: off.</summary>
    public float MinP { get; init; }

    /// <summary>1: off.</summary>
    public float RepeatPenalty { get; init; } = 1;
    public float FrequencyPenalty { get; init; }
    public float PresencePenalty { get; init; }

    /// <summary>Tokens that the penalties look back at; 0: off.</summary>
    public int PenaltyLastTokens { get; init; }
    public uint Seed { get; init; }

    /// <summary>GBNF whose root rule is <c>root</c>, or null.</summary>
    public string? Grammar { get; init; }
}

/// <summary>
/// llama.cpp's sampler chain: penalties, top-k, top-p, min-p, temperature, draw (samplers that are off are left out), and beside
/// it a grammar. Holds its model. Not thread-safe.
/// </summary>
public sealed unsafe class LlamaSampler : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int StateBytes = 12;

    /// <summary>More draws than any answer takes; going on after them is a moment's work.</summary>
    private const long MostDraws = 1 << 22;

    private readonly LlamaModel _model;
    private nint _grammar;
    private readonly uint _seed;
    private TokenCandidate* _candidates;
    private long _draws;

    private LlamaSampler(LlamaModel model, uint seed)
        : base(ownsHandle: true)
    {
        _model = model;
        _seed = seed;
    }

    /// <exception cref="LlamaException">Grammar: it does not parse; the message has llama.cpp's reason.</exception>
    public static LlamaSampler Create(LlamaLibrary library, LlamaModel model, SamplerSettings settings)
    {
        var sampler = new LlamaSampler(model, settings.Seed);
        var referenced = false;
        model.DangerousAddRef(ref referenced);
        sampler.SetHandle(LlamaNative.llama_sampler_chain_init(LlamaNative.llama_sampler_chain_default_params()));
        try
        {
            sampler.AddChain(settings);
            if (settings.Grammar is { } grammar) sampler.AddGrammar(library, grammar);
            return sampler;
        }
        catch
        {
            sampler.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Its random state: the seed, and how often it has drawn (little-endian, 4 and 8 bytes). llama.cpp's generator takes one number a
    /// draw, so that a new sampler of the same seed that draws as often is in the same state.
    /// </summary>
    public byte[] State
    {
        get
        {
            var state = new byte[StateBytes];
            BinaryPrimitives.WriteUInt32LittleEndian(state, _seed);
            BinaryPrimitives.WriteInt64LittleEndian(state.AsSpan(4), _draws);
            return state;
        }
    }

    /// <summary>What a <see cref="State"/> says. False: these bytes are none.</summary>
    public static bool TryReadState(ReadOnlySpan<byte> state, out uint seed, out long draws)
    {
        (seed, draws) = (0, 0);
        if (state.Length != StateBytes) return false;
        seed = BinaryPrimitives.ReadUInt32LittleEndian(state);
        draws = BinaryPrimitives.ReadInt64LittleEndian(state[sizeof(uint)..]);
        return draws is >= 0 and <= MostDraws;
    }

    /// <summary>Puts a new sampler into the random state of one of the same seed that has drawn so often.</summary>
    public void Skip(long draws)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        for (; _draws < draws; _draws++)
        {
            // With one candidate it draws all the same.
            var only = new TokenCandidate { Id = 0, Logit = 1 };
            var candidates = new TokenCandidates { Items = &only, Count = 1, Selected = -1 };
            LlamaNative.llama_sampler_apply(handle, &candidates);
        }
    }

    /// <summary>Takes the grammar past a token of the answer that was not drawn here. False: it does not allow that token, and is where it was.</summary>
    public bool TryFollow(int token)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (_grammar == 0) return true;
        // What it refuses it answers with a C++ exception.
        if (!Allows(token)) return false;
        LlamaNative.llama_sampler_accept(_grammar, token);
        return true;
    }

    /// <summary>Draws the next token from the logits of the batch's i-th token and takes note of it.</summary>
    /// <exception cref="LlamaException">GrammarDeadEnd: the grammar allows no token any more.</exception>
    public int Sample(LlamaContext context, int batchIndex)
    {
        if (_grammar == 0)
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            _draws++;
            return LlamaNative.llama_sampler_sample(handle, context, batchIndex);
        }
        // Drawing first and asking the grammar about that one token spares a walk over the whole vocabulary nearly always.
        var logits = context.Logits(batchIndex);
        var token = Draw(logits, constrain: false);
        if (!Allows(token)) token = Draw(logits, constrain: true);
        Accept(token);
        return token;
    }

    /// <summary>Takes note of a token that was not drawn here (the prompt's), for the penalties. The grammar does not see it.</summary>
    public void Remember(int token)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        LlamaNative.llama_sampler_accept(handle, token);
    }

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_sampler_free(handle);
        if (_grammar != 0) LlamaNative.llama_sampler_free(_grammar);
        NativeMemory.Free(_candidates);
        _model.DangerousRelease();
        return true;
    }

    private void AddChain(SamplerSettings settings)
    {
        var penalties = settings.RepeatPenalty != 1 || settings.FrequencyPenalty != 0 || settings.PresencePenalty != 0;
        if (penalties && settings.PenaltyLastTokens > 0)
        {
            Add(LlamaNative.llama_sampler_init_penalties(
                _model.VocabularySize, settings.PenaltyLastTokens, settings.RepeatPenalty, settings.FrequencyPenalty, settings.PresencePenalty));
        }
        if (settings.Temperature <= 0)
        {
            Add(LlamaNative.llama_sampler_init_greedy());
            return;
        }
        if (settings.TopK > 0) Add(LlamaNative.llama_sampler_init_top_k(settings.TopK));
        if (settings.TopP < 1) Add(LlamaNative.llama_sampler_init_top_p(settings.TopP, 1));
        if (settings.MinP > 0) Add(LlamaNative.llama_sampler_init_min_p(settings.MinP, 1));
        if (settings.Temperature != 1) Add(LlamaNative.llama_sampler_init_temp(settings.Temperature));
        Add(LlamaNative.llama_sampler_init_dist(settings.Seed));
    }

    private void Add(nint sampler) => LlamaNative.llama_sampler_chain_add(handle, sampler);

    private void AddGrammar(LlamaLibrary library, string grammar)
    {
        if (string.IsNullOrWhiteSpace(grammar) || grammar.Contains('\0', StringComparison.Ordinal))
            throw new LlamaException(LlamaFailure.Grammar, "The grammar is empty or contains a NUL character.");
        library.Log.Clear();
        fixed (byte* text = Encoding.UTF8.GetBytes(grammar + '\0'))
        fixed (byte* root = "root\0"u8)
        {
            _grammar = LlamaNative.llama_sampler_init_grammar(_model.Vocab, text, root);
        }
        if (_grammar == 0)
            throw new LlamaException(LlamaFailure.Grammar, $"The grammar does not parse: {library.Log.Reason()}");
        _candidates = (TokenCandidate*)NativeMemory.Alloc((nuint)_model.VocabularySize, (nuint)sizeof(TokenCandidate));
    }

    private int Draw(ReadOnlySpan<float> logits, bool constrain)
    {
        _draws++;
        for (var i = 0; i < logits.Length; i++) _candidates[i] = new TokenCandidate { Id = i, Logit = logits[i] };
        var all = new TokenCandidates { Items = _candidates, Count = (nuint)logits.Length, Selected = -1 };
        if (constrain)
        {
            LlamaNative.llama_sampler_apply(_grammar, &all);
            // Nothing allowed: drawing anyway would hand the grammar a token it refuses, and it answers that with a C++ exception.
            var any = false;
            for (nuint i = 0; i < all.Count && !any; i++) any = all.Items[i].Logit > float.NegativeInfinity;
            if (!any) throw new LlamaException(LlamaFailure.GrammarDeadEnd, "The grammar allows no further token.");
        }
        LlamaNative.llama_sampler_apply(handle, &all);
        if (all.Selected < 0 || all.Selected >= (long)all.Count) throw new LlamaException(LlamaFailure.Decode, "The sampler chose no token.");
        return all.Items[all.Selected].Id;
    }

    private bool Allows(int token)
    {
        var one = new TokenCandidate { Id = token, Logit = 1 };
        var candidates = new TokenCandidates { Items = &one, Count = 1, Selected = -1 };
        LlamaNative.llama_sampler_apply(_grammar, &candidates);
        return one.Logit > float.NegativeInfinity;
    }

    private void Accept(int token)
    {
        LlamaNative.llama_sampler_accept(handle, token);
        LlamaNative.llama_sampler_accept(_grammar, token);
    }
}
