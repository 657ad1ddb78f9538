using Stoker.Core.Errors;
using Stoker.Engine.Protocol;

namespace Stoker.Engine.Decoding;

/// <summary>Whoever asked for an answer. Ends with one of <see cref="End"/> and <see cref="Fail"/>.</summary>
internal interface IAnswerTarget
{
    /// <summary>Nobody wants the answer any more.</summary>
    CancellationToken Cancelled { get; }

    /// <summary>It takes a step's events without making us wait.</summary>
    bool HasRoom { get; }

    /// <exception cref="OperationCanceledException">It has gone.</exception>
    void Tell(GenerationEvent told);

    void End();

    void Fail(ErrorKind kind, string message);
}
