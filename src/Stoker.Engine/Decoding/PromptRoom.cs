using Stoker.Core.Budget;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;
using Stoker.Native.Libc;

namespace Stoker.Engine.Decoding;

/// <summary>
/// Whether a prompt's cells fit on the disk, asked before the first of them is computed: a check that costs next to nothing and
/// promises nothing, as others write there too. What is short for is taken from the prompt cache.
/// </summary>
/// <param name="folder">Where conversations lie.</param>
/// <param name="tryFree">Lets something go that is kept open and has no name; false: there is nothing.</param>
internal sealed class PromptRoom(string folder, Func<bool> tryFree)
{
    /// <param name="chain">The conversation's files: what it shares, and what its own one has blocks for already, needs no more.</param>
    /// <param name="cells">Of the whole prompt.</param>
    /// <exception cref="StokerException">OutOfSpace, with what is needed and what is free: not even without the prompt cache.</exception>
    public void Make(KvChain chain, KvLayout layout, int cells)
    {
        var needed = NeededBytes(chain, layout, cells);
        if (needed <= 0) return;
        var room = chain.Own.Room;
        room?.Claim(needed);
        var free = FreeBytes;
        // What cannot fit is no reason to give anything up.
        if (free < needed && room is not null && free + room.CachedBytes < needed) throw Full(needed, free + room.CachedBytes);
        while (free < needed)
        {
            if (room?.TryFree(needed - free) != true && !tryFree()) throw Full(needed, FreeBytes);
            free = FreeBytes;
        }
    }

    private long FreeBytes => Files.Space(folder).AvailableBytes;

    private static long NeededBytes(KvChain chain, KvLayout layout, int cells) =>
        ((cells - chain.FirstOwnCell) * layout.CellBytes) - (FileBlocks.TryRead(chain.Own.Name)?.AllocatedBytes ?? 0);

    private StokerException Full(long needed, long free) => new(
        ErrorKind.OutOfSpace,
        $"The prompt does not fit on the disk: its KV cache needs {ByteCount.Text(needed)} more, and {folder} has {ByteCount.Text(free)} with the prompt cache given up. Free some space, shorten the prompt, move STOKER_HOME, or keep the cells in memory (--kv ram).");
}
