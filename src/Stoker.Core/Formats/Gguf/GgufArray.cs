namespace Stoker.Core.Formats.Gguf;

/// <summary>
/// Where an array of metadata lies. A vocabulary has 10^5 strings that almost nobody asks for, so arrays stay in the file
/// and are read on demand (<see cref="GgufArrayReader"/>); short arrays of integers are kept too.
/// </summary>
/// <param name="ElementType">Never <see cref="GgufValueType.Array"/>: llama.cpp reads no nested arrays, so they are refused.</param>
/// <param name="Count">Elements.</param>
/// <param name="PositionBytes">Byte in the file at which the first element begins.</param>
/// <param name="SizeBytes">Bytes of all elements, strings with their lengths.</param>
public sealed record GgufArray(GgufValueType ElementType, long Count, long PositionBytes, long SizeBytes)
{
    /// <summary>The elements of an integer or bool array of at most <see cref="KeptElements"/> elements, else null.</summary>
    public IReadOnlyList<long>? Integers { get; init; }

    /// <summary>Arrays up to this long are kept: one value per layer fits, a vocabulary does not.</summary>
    public const int KeptElements = 1024;
}
