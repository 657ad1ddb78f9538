using Stoker.Core.Errors;

namespace Stoker.Supply.Fetch;

/// <summary>
/// What a connection works on next, asked for so early that its first byte comes when the answer under way ends. The wait for a
/// first byte then costs nothing, and ranges can be short: the whole-file hash follows closely, and little is left to share out at
/// the end. One owner: the connection's loop.
/// </summary>
internal sealed class RangeAhead(TakenRange range, CancellationTokenSource stop) : IDisposable
{
    private Task<OpenAnswer?> _asking = Task.FromResult<OpenAnswer?>(null);

    internal TakenRange Range => range;

    /// <param name="ask">Asks, and gives null for an answer that may not be used: it is asked for again when it is needed, and judged then.</param>
    internal void Ask(Func<CancellationToken, Task<OpenAnswer?>> ask) => _asking = AskAsync(ask);

    /// <summary>The answer, once, or null.</summary>
    internal Task<OpenAnswer?> TakeAsync() => _asking;

    /// <summary>Ends it; nothing is left open.</summary>
    internal async Task LeaveAsync()
    {
        await stop.CancelAsync();
        (await _asking)?.Dispose();
        Dispose();
    }

    public void Dispose() => stop.Dispose();

    private async Task<OpenAnswer?> AskAsync(Func<CancellationToken, Task<OpenAnswer?>> ask)
    {
        await Task.Yield();
        try
        {
            return await ask(stop.Token);
        }
        catch (Exception failed) when (failed is StokerException or OperationCanceledException)
        {
            return null;
        }
    }
}
