namespace Stoker.Native.Llama;

/// <summary>What a call into llama.cpp failed with. The layer above maps it to the error kinds people see.</summary>
public enum LlamaFailure
{
    /// <summary>The model file was refused; the log says why.</summary>
    Load,

    /// <summary>The context could not be made (memory, options).</summary>
    Context,

    /// <summary>The batch does not fit what is left of the context.</summary>
    NoRoom,

    /// <summary>Decoding failed for another reason.</summary>
    Decode,

    /// <summary>The grammar does not parse, or has no root rule.</summary>
    Grammar,

    /// <summary>A grammar allows no further token.</summary>
    GrammarDeadEnd,

    /// <summary>The chat template is not one that the library knows.</summary>
    Template,

    /// <summary>An argument that the library must not see.</summary>
    Argument,
}

/// <summary>llama.cpp refused or failed. The message names what; <see cref="Failure"/> says which kind.</summary>
public sealed class LlamaException(LlamaFailure failure, string message) : Exception(message)
{
    public LlamaFailure Failure { get; } = failure;
}
