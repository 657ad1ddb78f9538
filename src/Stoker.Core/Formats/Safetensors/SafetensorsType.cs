namespace Stoker.Core.Formats.Safetensors;

/// <summary>Element types, named as in the files.</summary>
public enum SafetensorsType
{
    BOOL,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C64,
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    F6_E2M3,
    F6_E3M2,
    F4,
}
