namespace Stoker.Core.Progress;

/// <summary>The steps between a reference and the first token, in the order they happen.</summary>
public enum Stage
{
    /// <summary>From what was typed to a manifest.</summary>
    Resolve,

    /// <summary>Bytes from an origin.</summary>
    Fetch,

    /// <summary>Whole-file sums, and our own reader's look at the model file.</summary>
    Verify,

    /// <summary>Others are answered first: by another model, or in all slots of this one.</summary>
    Wait,

    /// <summary>Room in the memory budget; unloading what was there.</summary>
    MakeRoom,

    /// <summary>The runner reads the weights.</summary>
    Load,

    /// <summary>The prompt is decoded.</summary>
    Prefill,

    /// <summary>The first token is sampled.</summary>
    FirstToken,
}
