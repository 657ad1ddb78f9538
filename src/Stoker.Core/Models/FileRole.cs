namespace Stoker.Core.Models;

/// <summary>What a file is to the model.</summary>
public enum FileRole
{
    Weights,

    /// <summary>A vision projector (mmproj).</summary>
    Projector,
    Config,
    Tokenizer,
    Params,
    Template,
    License,
    Other,
}
