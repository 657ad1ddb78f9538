namespace Stoker.Core.Budget;

/// <summary>Memory that is set aside for one holder until it is disposed. Thread-safe; disposing twice does nothing.</summary>
public sealed class MemoryLease : IDisposable
{
    private readonly MemoryLedger _ledger;
    private int _disposed;

    internal MemoryLease(MemoryLedger ledger, string holder, MemoryEstimate estimate)
    {
        _ledger = ledger;
        Holder = holder;
        Estimate = estimate;
    }

    /// <summary>Who holds it, for messages and lists.</summary>
    public string Holder { get; }

    public MemoryEstimate Estimate { get; private set; }

    /// <summary>True once the holder has allocated what it announced.</summary>
    public bool IsAllocated { get; private set; }

    /// <summary>
    /// Tells the ledger that the private memory is allocated, so that the system's own figure lacks it now and it is not
    /// counted twice.
    /// </summary>
    /// <param name="actual">What it turned out to be, or null: as announced.</param>
    public void MarkAllocated(MemoryEstimate? actual = null) => _ledger.Change(() =>
    {
        Estimate = actual ?? Estimate;
        IsAllocated = true;
    });

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) _ledger.Release(this);
    }
}
