using System.Text;
using Stoker.Native.Llama;
using Stoker.Tests.Native.Llama;

namespace Stoker.Tests.TinyModel;

/// <summary>The tiny model in libllama, with the KV cache in F32 and without flash attention unless asked otherwise.</summary>
internal sealed class TinyRuntime : IDisposable
{
    private const int MostTokens = 1024;
    private readonly LlamaContext _context;
    private readonly LlamaBatch _batch;

    public TinyRuntime(string path)
    {
        Model = LlamaModel.Load(LoadedLlama.Library, [path], new ModelLoadOptions(), null, CancellationToken.None);
        _context = LlamaContext.Create(LoadedLlama.Library, Model, new ContextOptions
        {
            ContextTokens = MostTokens,
            Threads = 1,
            BatchTokens = MostTokens,
            KeyType = KvType.F32,
            ValueType = KvType.F32,
            FlashAttention = FlashAttention.Off,
        });
        _batch = LlamaBatch.Create(LoadedLlama.Library, MostTokens);
    }

    public LlamaModel Model { get; }

    /// <summary>The logits after each token.</summary>
    public float[][] Logits(IReadOnlyList<int> tokens)
    {
        Prefill(tokens, allLogits: true);
        return [.. Enumerable.Range(0, tokens.Count).Select(i => _context.Logits(i).ToArray())];
    }

    /// <summary>The assistant's next message.</summary>
    public string Answer(IReadOnlyList<(string Role, string Content)> messages, SamplerSettings? settings = null)
    {
        var prompt = LlamaChat.Apply(LoadedLlama.Library, Model.ChatTemplate!, messages, addAssistant: true);
        var tokens = Model.Tokenize(prompt, addSpecial: true, parseSpecial: true);
        using var sampler = LlamaSampler.Create(LoadedLlama.Library, Model, settings ?? new SamplerSettings { Temperature = 0 });
        Prefill(tokens, allLogits: false);
        var text = new List<byte>();
        for (var position = tokens.Length; ; position++)
        {
            var token = sampler.Sample(_context, _batch.Count - 1);
            if (Model.IsEndOfGeneration(token) || position == MostTokens) return Encoding.UTF8.GetString([.. text]);
            text.AddRange(Model.TokenBytes(token));
            _batch.Clear();
            _batch.Add(token, position, 0, wantLogits: true);
            Assert.Equal(DecodeResult.Done, _context.Decode(_batch));
        }
    }

    public void Dispose()
    {
        _batch.Dispose();
        _context.Dispose();
        Model.Dispose();
    }

    private void Prefill(IReadOnlyList<int> tokens, bool allLogits)
    {
        _context.Clear();
        _batch.Clear();
        for (var i = 0; i < tokens.Count; i++) _batch.Add(tokens[i], i, 0, allLogits || i == tokens.Count - 1);
        Assert.Equal(DecodeResult.Done, _context.Decode(_batch));
    }
}
