namespace Stoker.Core.Formats.Gguf;

/// <summary>Names of <c>enum llama_ftype</c> (llama.h): what most tensors of a file are.</summary>
public static class GgufFileTypes
{
    private static readonly string?[] Names =
    [
        "F32", "F16", "Q4_0", "Q4_1", null, null, null, "Q8_0", "Q5_0", "Q5_1",
        "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS",
        "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M",
        "IQ4_XS", "IQ1_M", "BF16", null, null, null, "TQ1_0", "TQ2_0", "MXFP4", "NVFP4",
        "Q1_0", "Q2_0",
    ];

    public static string? NameOf(long number) => number >= 0 && number < Names.Length ? Names[number] : null;

    /// <summary>The number of a name, or null.</summary>
    public static int? NumberOf(string name)
    {
        var number = Array.IndexOf(Names, name.ToUpperInvariant());
        return number < 0 ? null : number;
    }
}
