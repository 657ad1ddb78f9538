namespace Stoker.Core.Models;

/// <summary>Kinds of origin a model can come from.</summary>
public enum ModelSourceKind
{
    HuggingFace,
    Ollama,
    Url,
    S3,

    /// <summary>A path on this machine, used in place and never copied.</summary>
    File,

    /// <summary>Ships beside the program (the tiny model).</summary>
    Builtin,
}
