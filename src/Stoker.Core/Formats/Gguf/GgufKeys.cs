namespace Stoker.Core.Formats.Gguf;

/// <summary>Names of metadata keys that Stoker reads or writes (gguf-py/gguf/constants.py).</summary>
public static class GgufKeys
{
    public const string Architecture = "general.architecture";
    public const string Name = "general.name";
    public const string FileType = "general.file_type";
    public const string QuantizationVersion = "general.quantization_version";
    public const string Alignment = "general.alignment";
    public const string License = "general.license";
    public const string ParameterCount = "general.parameter_count";
    public const string SizeLabel = "general.size_label";

    public const string TokenizerModel = "tokenizer.ggml.model";
    public const string TokenizerPre = "tokenizer.ggml.pre";
    public const string Tokens = "tokenizer.ggml.tokens";
    public const string TokenTypes = "tokenizer.ggml.token_type";
    public const string Scores = "tokenizer.ggml.scores";
    public const string Merges = "tokenizer.ggml.merges";
    public const string BosTokenId = "tokenizer.ggml.bos_token_id";
    public const string EosTokenId = "tokenizer.ggml.eos_token_id";
    public const string PaddingTokenId = "tokenizer.ggml.padding_token_id";
    public const string AddBosToken = "tokenizer.ggml.add_bos_token";
    public const string ChatTemplate = "tokenizer.chat_template";

    public const string SplitNo = "split.no";
    public const string SplitCount = "split.count";
    public const string SplitTensors = "split.tensors.count";
}
