using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Llama;

/// <summary>
/// A loaded model. Its own memory is freed when it and every context made from it are disposed, in any order. Reading the
/// vocabulary is thread-safe.
/// </summary>
public sealed unsafe class LlamaModel : SafeHandleZeroOrMinusOneIsInvalid
{
    private nint _vocab;

    private LlamaModel(nint model)
        : base(ownsHandle: true) => SetHandle(model);

    /// <summary>Tokens it was trained for.</summary>
    public int TrainedContextTokens => LlamaNative.llama_model_n_ctx_train(this);
    public int LayerCount => LlamaNative.llama_model_n_layer(this);
    public int EmbeddingLength => LlamaNative.llama_model_n_embd(this);

    /// <summary>Bytes of all tensors.</summary>
    public long SizeBytes => (long)LlamaNative.llama_model_size(this);
    public long ParameterCount => (long)LlamaNative.llama_model_n_params(this);

    /// <summary>True for encoder-decoder and encoder-only models, which need llama_encode.</summary>
    public bool HasEncoder => LlamaNative.llama_model_has_encoder(this) != 0;
    public bool HasDecoder => LlamaNative.llama_model_has_decoder(this) != 0;

    /// <summary>True for models whose whole memory is a state that every token rewrites (Mamba, RWKV).</summary>
    public bool IsRecurrent => LlamaNative.llama_model_is_recurrent(this) != 0;

    /// <summary>True for models with such a state in some layers and attention in others.</summary>
    public bool IsHybrid => LlamaNative.llama_model_is_hybrid(this) != 0;

    /// <summary>Tokens that a sliding-window layer sees; 0: the model has none.</summary>
    public int WindowTokens => LlamaNative.llama_model_n_swa(this);

    public RopeKind Rope => (RopeKind)LlamaNative.llama_model_rope_type(this);

    /// <summary>What llama.cpp calls it, e.g. "qwen2 1B Q4_0".</summary>
    public string Description
    {
        get
        {
            var buffer = stackalloc byte[256];
            var length = LlamaNative.llama_model_desc(this, buffer, 256);
            return length <= 0 ? "" : Encoding.UTF8.GetString(buffer, Math.Min(length, 255));
        }
    }

    /// <summary>A value of the file's metadata as text, or null when it has no such key (or a text beyond 64 KiB).</summary>
    public string? Metadata(string key)
    {
        const int longest = 65_536;
        var buffer = new byte[longest];
        fixed (byte* name = Encoding.UTF8.GetBytes(key + '\0'))
        fixed (byte* text = buffer)
        {
            var length = LlamaNative.llama_model_meta_val_str(this, name, text, longest);
            return length is >= 0 and < longest ? Encoding.UTF8.GetString(buffer, 0, length) : null;
        }
    }

    /// <summary>The chat template in the file, or null.</summary>
    public string? ChatTemplate => Marshal.PtrToStringUTF8((nint)LlamaNative.llama_model_chat_template(this, null));

    /// <summary>Number of tokens in the vocabulary; also the length of a row of logits.</summary>
    public int VocabularySize => LlamaNative.llama_vocab_n_tokens(Vocab);

    /// <summary>False when the file has no vocabulary at all.</summary>
    public bool HasVocabulary => LlamaNative.llama_vocab_type(Vocab) != 0;

    /// <summary>The beginning-of-sequence token, or null.</summary>
    public int? BosToken => LlamaNative.llama_vocab_bos(Vocab) is >= 0 and var token ? token : null;

    /// <summary>The end-of-sequence token, or null.</summary>
    public int? EosToken => LlamaNative.llama_vocab_eos(Vocab) is >= 0 and var token ? token : null;

    internal nint Vocab
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return _vocab;
        }
    }

    /// <summary>
    /// Loads one file, or the parts of a split model in their order. Blocks; call it on a thread of your own. Cancelling stops it
    /// between two tensors.
    /// </summary>
    /// <param name="library">Proof that llama.cpp is loaded.</param>
    /// <param name="paths">Existing files that our own reader has accepted.</param>
    /// <param name="progress">Told of 0 to 1, many times a second, on this thread.</param>
    /// <exception cref="LlamaException">Refused; the message has llama.cpp's own last lines.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static LlamaModel Load(
        LlamaLibrary library,
        IReadOnlyList<string> paths,
        ModelLoadOptions options,
        Action<float>? progress,
        CancellationToken cancellationToken)
    {
        if (paths.Count == 0) throw new ArgumentException("A model has at least one file.", nameof(paths));
        cancellationToken.ThrowIfCancellationRequested();
        var parameters = LlamaNative.llama_model_default_params();
        parameters.VocabOnly = options.VocabularyOnly ? (byte)1 : (byte)0;
        parameters.LoadMode = options.MapFile ? 1 : 0;
        if (options.Repack is { } repack) parameters.UseExtraBufferTypes = repack ? (byte)1 : (byte)0;
        if (options.GpuLayers is { } layers) parameters.GpuLayers = layers;

        var call = new LoadCall(progress, cancellationToken);
        var callHandle = GCHandle.Alloc(call);
        library.Log.Clear();
        nint model;
        try
        {
            parameters.ProgressCallback = (nint)(delegate* unmanaged[Cdecl]<float, void*, byte>)&OnProgress;
            parameters.ProgressUserData = GCHandle.ToIntPtr(callHandle);
            model = LoadFiles(paths, parameters);
        }
        finally
        {
            callHandle.Free();
        }
        if (call.Error is not null) throw new InvalidOperationException("The progress callback threw.", call.Error);
        if (model == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new LlamaException(LlamaFailure.Load, $"llama.cpp does not load {paths[0]}: {library.Log.Reason()}");
        }
        var loaded = new LlamaModel(model);
        loaded._vocab = LlamaNative.llama_model_get_vocab(loaded);
        return loaded;
    }

    /// <summary>True for tokens that end an answer (end of sequence, end of turn ...).</summary>
    public bool IsEndOfGeneration(int token) => LlamaNative.llama_vocab_is_eog(Vocab, Checked(token)) != 0;

    /// <summary>True for tokens that are not text.</summary>
    public bool IsControl(int token) => LlamaNative.llama_vocab_is_control(Vocab, Checked(token)) != 0;

    /// <summary>Tokens of a text.</summary>
    /// <param name="addSpecial">Add what the model wants around a text (BOS, EOS).</param>
    /// <param name="parseSpecial">Read special tokens written in the text as such.</param>
    public int[] Tokenize(string text, bool addSpecial, bool parseSpecial)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        var tokens = new int[utf8.Length + 2];
        var count = TokenizeInto(utf8, tokens, addSpecial, parseSpecial);
        if (count < 0)
        {
            if (count == int.MinValue) throw new LlamaException(LlamaFailure.Argument, "The text has more tokens than can be counted.");
            tokens = new int[-count];
            count = TokenizeInto(utf8, tokens, addSpecial, parseSpecial);
        }
        return tokens.AsSpan(0, count).ToArray();
    }

    /// <summary>The bytes a token stands for, possibly part of a character. Empty for control tokens unless asked for.</summary>
    public byte[] TokenBytes(int token, bool includeControl = false)
    {
        var special = includeControl ? (byte)1 : (byte)0;
        var small = stackalloc byte[64];
        var length = LlamaNative.llama_token_to_piece(Vocab, Checked(token), small, 64, 0, special);
        if (length >= 0) return new ReadOnlySpan<byte>(small, length).ToArray();
        var bytes = new byte[-length];
        fixed (byte* p = bytes) length = LlamaNative.llama_token_to_piece(Vocab, token, p, bytes.Length, 0, special);
        return length == bytes.Length ? bytes : throw new LlamaException(LlamaFailure.Argument, $"Token {token} has no fixed text.");
    }

    protected override bool ReleaseHandle()
    {
        LlamaNative.llama_model_free(handle);
        return true;
    }

    private static nint LoadFiles(IReadOnlyList<string> paths, ModelParams parameters)
    {
        if (paths.Count == 1)
        {
            fixed (byte* path = Utf8Path(paths[0])) return LlamaNative.llama_model_load_from_file(path, parameters);
        }
        var texts = paths.Select(static path => Marshal.StringToCoTaskMemUTF8(path)).ToArray();
        try
        {
            fixed (nint* all = texts) return LlamaNative.llama_model_load_from_splits((byte**)all, (nuint)texts.Length, parameters);
        }
        finally
        {
            foreach (var text in texts) Marshal.FreeCoTaskMem(text);
        }
    }

    private static byte[] Utf8Path(string path) => path.Contains('\0', StringComparison.Ordinal)
        ? throw new LlamaException(LlamaFailure.Argument, "A path contains a NUL character.")
        : Encoding.UTF8.GetBytes(path + '\0');

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static byte OnProgress(float fraction, void* userData)
    {
        var call = (LoadCall)GCHandle.FromIntPtr((nint)userData).Target!;
        try
        {
            call.Progress?.Invoke(fraction);
            return call.CancellationToken.IsCancellationRequested ? (byte)0 : (byte)1;
        }
        catch (Exception error)
        {
            call.Error = error; // must not cross into C++; rethrown by Load
            return 0;
        }
    }

    private int TokenizeInto(byte[] utf8, int[] tokens, bool addSpecial, bool parseSpecial)
    {
        fixed (byte* text = utf8)
        fixed (int* output = tokens)
        {
            byte none = 0;
            return LlamaNative.llama_tokenize(Vocab, utf8.Length == 0 ? &none : text, utf8.Length, output, tokens.Length, addSpecial ? (byte)1 : (byte)0, parseSpecial ? (byte)1 : (byte)0);
        }
    }

    private int Checked(int token) => (uint)token < (uint)VocabularySize
        ? token
        : throw new LlamaException(LlamaFailure.Argument, $"Token {token} is outside the vocabulary of {VocabularySize}.");

    private sealed class LoadCall(Action<float>? progress, CancellationToken cancellationToken)
    {
        internal Action<float>? Progress { get; } = progress;
        internal CancellationToken CancellationToken { get; } = cancellationToken;
        internal Exception? Error { get; set; }
    }
}
