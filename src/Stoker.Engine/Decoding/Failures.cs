using Stoker.Core.Errors;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>What whoever asked is told when something goes wrong with their answer.</summary>
internal static class Failures
{
    /// <summary>A defect goes to the runner's log too, whole.</summary>
    public static (ErrorKind Kind, string Message) Tell(Exception error)
    {
        switch (error)
        {
            case OperationCanceledException:
                return (ErrorKind.Cancelled, "Cancelled.");
            case StokerException told:
                return (told.Kind, told.Message);
            case LlamaException llama:
                return Tell(LlamaErrors.ToStoker(llama));
            default:
                Console.Error.WriteLine(error);
                return (ErrorKind.Internal, $"The runner failed: {error.Message}");
        }
    }
}
