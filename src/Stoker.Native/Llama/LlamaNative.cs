using System.Runtime.InteropServices;

namespace Stoker.Native.Llama;

/// <summary>
/// The externs of libllama, libggml and libggml-base, with their C names. They resolve through <see cref="LlamaLibrary"/>,
/// which is why every wrapper asks for one. bool of C is a byte.
/// </summary>
internal static unsafe partial class LlamaNative
{
    internal const string Llama = "stoker:libllama";
    internal const string Ggml = "stoker:libggml";
    internal const string GgmlBase = "stoker:libggml-base";

    // The library and its backends.
    [LibraryImport(Llama)] internal static partial byte* llama_version();
    [LibraryImport(Llama)] internal static partial void llama_backend_init();
    [LibraryImport(Llama)] internal static partial void llama_log_set(delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* userData);
    [LibraryImport(Llama)] internal static partial byte* llama_print_system_info();
    [LibraryImport(Llama)] internal static partial byte llama_supports_gpu_offload();
    [LibraryImport(GgmlBase)] internal static partial byte* ggml_version();
    [LibraryImport(GgmlBase)] internal static partial byte* ggml_commit();
    [LibraryImport(Ggml)] internal static partial void ggml_backend_load_all_from_path(byte* folder);
    [LibraryImport(Ggml)] internal static partial nint ggml_backend_dev_by_type(int type);

    // Buffers (ggml-backend.h, and ggml_backend_buffer_init of ggml-backend-impl.h).
    [LibraryImport(GgmlBase)] internal static partial nint ggml_backend_cpu_buffer_type();
    [LibraryImport(GgmlBase)] internal static partial nint ggml_backend_buft_alloc_buffer(nint type, nuint size);
    [LibraryImport(GgmlBase)] internal static partial nint ggml_backend_buffer_init(nint type, BufferInterface functions, nint context, nuint size);
    [LibraryImport(GgmlBase)] internal static partial nint ggml_backend_buffer_get_base(nint buffer);
    [LibraryImport(GgmlBase)] internal static partial void ggml_backend_buffer_free(nint buffer);
    [LibraryImport(GgmlBase)] internal static partial byte* ggml_get_name(nint tensor);
    [LibraryImport(GgmlBase)] internal static partial nint ggml_get_data(nint tensor);
    [LibraryImport(GgmlBase)] internal static partial nuint ggml_nbytes(nint tensor);

    // Defaults, by value.
    [LibraryImport(Llama)] internal static partial ModelParams llama_model_default_params();
    [LibraryImport(Llama)] internal static partial ContextParams llama_context_default_params();
    [LibraryImport(Llama)] internal static partial SamplerChainParams llama_sampler_chain_default_params();

    // Models.
    [LibraryImport(Llama)] internal static partial nint llama_model_load_from_file(byte* path, ModelParams parameters);
    [LibraryImport(Llama)] internal static partial nint llama_model_load_from_splits(byte** paths, nuint count, ModelParams parameters);
    [LibraryImport(Llama)] internal static partial void llama_model_free(nint model);
    [LibraryImport(Llama)] internal static partial int llama_model_n_ctx_train(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_n_embd(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_n_layer(LlamaModel model);
    [LibraryImport(Llama)] internal static partial ulong llama_model_size(LlamaModel model);
    [LibraryImport(Llama)] internal static partial ulong llama_model_n_params(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_desc(LlamaModel model, byte* buffer, nuint length);
    [LibraryImport(Llama)] internal static partial byte* llama_model_chat_template(LlamaModel model, byte* name);
    [LibraryImport(Llama)] internal static partial byte llama_model_has_encoder(LlamaModel model);
    [LibraryImport(Llama)] internal static partial byte llama_model_has_decoder(LlamaModel model);
    [LibraryImport(Llama)] internal static partial nint llama_model_get_vocab(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_rope_type(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_n_swa(LlamaModel model);
    [LibraryImport(Llama)] internal static partial byte llama_model_is_recurrent(LlamaModel model);
    [LibraryImport(Llama)] internal static partial byte llama_model_is_hybrid(LlamaModel model);
    [LibraryImport(Llama)] internal static partial int llama_model_meta_val_str(LlamaModel model, byte* key, byte* buffer, nuint length);

    // Vocabulary.
    [LibraryImport(Llama)] internal static partial int llama_vocab_n_tokens(nint vocab);
    [LibraryImport(Llama)] internal static partial int llama_vocab_type(nint vocab);
    [LibraryImport(Llama)] internal static partial byte llama_vocab_is_eog(nint vocab, int token);
    [LibraryImport(Llama)] internal static partial byte llama_vocab_is_control(nint vocab, int token);
    [LibraryImport(Llama)] internal static partial int llama_vocab_bos(nint vocab);
    [LibraryImport(Llama)] internal static partial int llama_vocab_eos(nint vocab);
    [LibraryImport(Llama)] internal static partial byte llama_vocab_get_add_bos(nint vocab);
    [LibraryImport(Llama)] internal static partial int llama_tokenize(nint vocab, byte* text, int textLength, int* tokens, int maxTokens, byte addSpecial, byte parseSpecial);
    [LibraryImport(Llama)] internal static partial int llama_token_to_piece(nint vocab, int token, byte* buffer, int length, int strip, byte special);

    // Contexts.
    [LibraryImport(Llama)] internal static partial nint llama_init_from_model(LlamaModel model, ContextParams parameters);
    [LibraryImport(Llama)] internal static partial void llama_free(nint context);
    [LibraryImport(Llama)] internal static partial uint llama_n_ctx(LlamaContext context);
    [LibraryImport(Llama)] internal static partial uint llama_n_ctx_seq(LlamaContext context);
    [LibraryImport(Llama)] internal static partial uint llama_n_batch(LlamaContext context);
    [LibraryImport(Llama)] internal static partial uint llama_n_ubatch(LlamaContext context);
    [LibraryImport(Llama)] internal static partial int llama_decode(LlamaContext context, BatchNative batch);
    [LibraryImport(Llama)] internal static partial void llama_synchronize(LlamaContext context);
    [LibraryImport(Llama)] internal static partial float* llama_get_logits_ith(LlamaContext context, int index);
    [LibraryImport(Llama)] internal static partial void llama_set_n_threads(LlamaContext context, int threads, int batchThreads);
    [LibraryImport(Llama)] internal static partial nint llama_get_memory(LlamaContext context);
    [LibraryImport(Llama)] internal static partial void llama_memory_clear(nint memory, byte alsoBuffers);
    [LibraryImport(Llama)] internal static partial byte llama_memory_seq_rm(nint memory, int sequence, int from, int to);
    [LibraryImport(Llama)] internal static partial int llama_memory_seq_pos_min(nint memory, int sequence);
    [LibraryImport(Llama)] internal static partial int llama_memory_seq_pos_max(nint memory, int sequence);

    // The state of one sequence.
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_get_size(LlamaContext context, int sequence);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_get_data(LlamaContext context, byte* output, nuint length, int sequence);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_save_file(LlamaContext context, byte* path, int sequence, int* tokens, nuint count);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_load_file(LlamaContext context, byte* path, int sequence, int* tokens, nuint capacity, nuint* count);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_get_size_ext(LlamaContext context, int sequence, uint flags);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_get_data_ext(LlamaContext context, byte* output, nuint length, int sequence, uint flags);
    [LibraryImport(Llama)] internal static partial nuint llama_state_seq_set_data(LlamaContext context, byte* input, nuint length, int sequence);

    // Batches.
    [LibraryImport(Llama)] internal static partial BatchNative llama_batch_init(int tokens, int embeddings, int maxSequences);
    [LibraryImport(Llama)] internal static partial void llama_batch_free(BatchNative batch);

    // Samplers.
    [LibraryImport(Llama)] internal static partial nint llama_sampler_chain_init(SamplerChainParams parameters);
    [LibraryImport(Llama)] internal static partial void llama_sampler_chain_add(nint chain, nint sampler);
    [LibraryImport(Llama)] internal static partial void llama_sampler_free(nint sampler);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_greedy();
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_dist(uint seed);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_top_k(int k);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_top_p(float p, nuint minKeep);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_min_p(float p, nuint minKeep);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_temp(float temperature);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_penalties(int vocabularySize, int lastTokens, float repeat, float frequency, float presence);
    [LibraryImport(Llama)] internal static partial nint llama_sampler_init_grammar(nint vocab, byte* grammar, byte* root);
    [LibraryImport(Llama)] internal static partial int llama_sampler_sample(nint sampler, LlamaContext context, int index);
    [LibraryImport(Llama)] internal static partial void llama_sampler_apply(nint sampler, TokenCandidates* candidates);
    [LibraryImport(Llama)] internal static partial void llama_sampler_accept(nint sampler, int token);

    // Chat templates.
    [LibraryImport(Llama)] internal static partial int llama_chat_apply_template(byte* template, ChatMessageNative* messages, nuint count, byte addAssistant, byte* buffer, int length);
    [LibraryImport(Llama)] internal static partial int llama_chat_builtin_templates(byte** output, nuint length);
}
