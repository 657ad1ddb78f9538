using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Stoker.Engine.Kv;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;
using Stoker.Tests.Engine.Runners;
using Stoker.Tests.Native.Llama;

namespace Stoker.Tests.Engine.Kv;

/// <summary>
/// A context and conversations whose tokens are given, not sampled: what a conversation computes depends only on its number and on
/// how its tokens were batched, so that hashes of its logits can be compared between runs.
/// </summary>
internal sealed class KvRig : IDisposable
{
    private readonly LlamaModel _model;
    private readonly LlamaBatch _batch;
    private readonly int _chunk;

    public KvRig(string shape, KvOptions options, bool? repack = false)
        : this(options, shape == "trained" ? TestModels.Trained : TestModels.OfShapeOnce(shape), repack)
    {
    }

    public KvRig(KvOptions options, string modelPath, bool? repack = false)
    {
        _model = LlamaModel.Load(LoadedLlama.Library, [modelPath], new ModelLoadOptions { Repack = repack }, null, CancellationToken.None);
        try
        {
            Kv = KvContext.Create(LoadedLlama.Library, _model, options);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
        _chunk = options.MicroBatch;
        _batch = LlamaBatch.Create(LoadedLlama.Library, options.MicroBatch + options.Slots);
    }

    public KvContext Kv { get; }

    public LlamaModel Model => _model;

    /// <summary>The files of a conversation that begins.</summary>
    public KvChain NewChain(string folder) => new([], KvFile.CreateUnnamed(folder, Kv.Layout!));

    /// <summary>Decodes the next tokens of one conversation, a micro-batch at a time; gives the hash of the last one's logits.</summary>
    public string Decode(int slot, int conversation, int tokens)
    {
        for (; tokens > _chunk; tokens -= _chunk) Decode([(slot, conversation)], _chunk);
        return Decode([(slot, conversation)], tokens)[0];
    }

    /// <summary>Decodes the next tokens of several conversations in one call, in slot order; gives the hashes of their last tokens.</summary>
    public IReadOnlyList<string> Decode(IReadOnlyList<(int Slot, int Conversation)> who, int tokens = 1) =>
        [.. DecodeLast(who, tokens).Select(index => Hash(Kv.Context.Logits(index)))];

    /// <summary>The same; gives the rows themselves.</summary>
    public IReadOnlyList<float[]> Rows(IReadOnlyList<(int Slot, int Conversation)> who, int tokens = 1) =>
        [.. DecodeLast(who, tokens).Select(index => Kv.Context.Logits(index).ToArray())];

    private List<int> DecodeLast(IReadOnlyList<(int Slot, int Conversation)> who, int tokens)
    {
        _batch.Clear();
        var last = new List<int>();
        foreach (var (slot, conversation) in who)
        {
            var from = Kv.Context.LastPosition(slot) + 1;
            Kv.Reserve(slot, from + tokens);
            for (var i = 0; i < tokens; i++) _batch.Add(TokenOf(conversation, from + i), from + i, slot, wantLogits: i == tokens - 1);
            last.Add(_batch.Count - 1);
        }
        Assert.Equal(DecodeResult.Done, Kv.Context.Decode(_batch));
        return last;
    }

    public void Dispose()
    {
        _batch.Dispose();
        Kv.Dispose();
        _model.Dispose();
    }

    private int TokenOf(int conversation, int position)
    {
        var mixed = unchecked(((uint)conversation * 2_654_435_761u) ^ (((uint)position + 1) * 2_246_822_519u));
        mixed ^= mixed >> 15;
        mixed = unchecked(mixed * 3_266_489_917u);
        return (int)((mixed >> 7) % (uint)_model.VocabularySize);
    }

    private static string Hash(ReadOnlySpan<float> logits) => Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(logits)), 0, 8);
}
