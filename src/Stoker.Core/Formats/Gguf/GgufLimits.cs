namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Bounds on what a header may ask for, beside the file's own size. Each is far above any published model and low enough
/// that a hostile file costs little, also in libllama, whose duplicate checks are quadratic.
/// </summary>
public static class GgufLimits
{
    public const int Keys = 16_384;
    public const int Tensors = 65_536;

    /// <summary>gguf-py and the specification say 2^16 - 1; real ones have tens.</summary>
    public const int KeyBytes = 65_535;

    /// <summary>GGML_MAX_NAME is 64 with the terminating zero.</summary>
    public const int TensorNameBytes = 63;

    /// <summary>One string value (templates and licences take up to some 100 kB).</summary>
    public const int TextBytes = 16 << 20;

    /// <summary>All string values together; they are kept in memory.</summary>
    public const long AllTextBytes = 64L << 20;

    /// <summary>One token or merge of a vocabulary.</summary>
    public const int TokenBytes = 64 << 10;

    /// <summary>Tokens of a vocabulary (ids are 32-bit, published ones have up to 3 * 10^5).</summary>
    public const int VocabularyTokens = 16_000_000;

    /// <summary>GGML_MAX_DIMS.</summary>
    public const int Dimensions = 4;

    /// <summary>general.alignment; published files use 32.</summary>
    public const int AlignmentBytes = 1 << 20;
}
