using Stoker.Core.Errors;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>llama.cpp's failures as the kinds people see.</summary>
internal static class LlamaErrors
{
    internal static StokerException ToStoker(LlamaException error) => new(KindOf(error), error.Message, error);

    private static ErrorKind KindOf(LlamaException error) => error.Failure switch
    {
        LlamaFailure.Load when Says(error, "unknown model architecture") || Says(error, "unknown pre-tokenizer") => ErrorKind.Unsupported,
        LlamaFailure.Load or LlamaFailure.Context when Says(error, "alloc") || Says(error, "out of memory") => ErrorKind.OutOfMemory,
        LlamaFailure.Load => ErrorKind.Corrupt,
        LlamaFailure.Context => ErrorKind.Unsupported,
        LlamaFailure.NoRoom => ErrorKind.ContextOverflow,
        LlamaFailure.Grammar or LlamaFailure.Argument => ErrorKind.InvalidInput,
        LlamaFailure.Template => ErrorKind.Unsupported,
        _ => ErrorKind.Internal,
    };

    private static bool Says(LlamaException error, string words) => error.Message.Contains(words, StringComparison.OrdinalIgnoreCase);
}
