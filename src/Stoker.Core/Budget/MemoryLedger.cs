using Stoker.Core.Errors;

namespace Stoker.Core.Budget;

/// <summary>
/// The one budget: who holds how much of the memory that this process may use. Every holder reserves before it allocates and
/// is refused, with the numbers, when it would not fit. Thread-safe.
/// </summary>
/// <param name="gauge">What the system has.</param>
/// <param name="limitBytes">A limit of the user's on all leases together, or null.</param>
/// <param name="headroomBytes">What is left to everything else on the machine.</param>
public sealed class MemoryLedger(IMemoryGauge gauge, long? limitBytes = null, long headroomBytes = MemoryLedger.DefaultHeadroomBytes)
{
    public const long DefaultHeadroomBytes = 256L << 20;

    private readonly Lock _gate = new();
    private readonly List<MemoryLease> _leases = [];

    /// <summary>Those that hold memory now, oldest first.</summary>
    public IReadOnlyList<MemoryLease> Leases
    {
        get
        {
            lock (_gate) return [.. _leases];
        }
    }

    /// <summary>Bytes that could be reserved now.</summary>
    public long FreeBytes
    {
        get
        {
            var memory = gauge.Read();
            lock (_gate) return FreeOf(memory);
        }
    }

    /// <summary>Sets memory aside until the lease is disposed.</summary>
    /// <exception cref="StokerException">OutOfMemory: it does not fit; the message has the numbers and the holders.</exception>
    public MemoryLease Reserve(string holder, MemoryEstimate estimate)
    {
        var memory = gauge.Read();
        lock (_gate)
        {
            var free = FreeOf(memory);
            if (estimate.TotalBytes > free) throw Refusal(holder, estimate, free, memory);
            var lease = new MemoryLease(this, holder, estimate);
            _leases.Add(lease);
            return lease;
        }
    }

    internal void Release(MemoryLease lease)
    {
        lock (_gate) _leases.Remove(lease);
    }

    internal void Change(Action change)
    {
        lock (_gate) change();
    }

    /// <summary>
    /// What the system calls available lacks the private memory of holders that have allocated it, but counts their mapped
    /// pages as free, because it could drop them.
    /// </summary>
    private long FreeOf(MachineMemory memory)
    {
        var promised = _leases.Sum(static lease => lease.IsAllocated ? lease.Estimate.MappedWeightsBytes : lease.Estimate.TotalBytes);
        var free = memory.AvailableBytes - headroomBytes - promised;
        if (limitBytes is { } limit) free = Math.Min(free, limit - _leases.Sum(static lease => lease.Estimate.TotalBytes));
        return Math.Max(0, free);
    }

    private StokerException Refusal(string holder, MemoryEstimate estimate, long free, MachineMemory memory)
    {
        var held = _leases.Count == 0 ? "" : " Held: " + string.Join(", ", _leases.Select(static lease => $"{lease.Holder} {ByteCount.Text(lease.Estimate.TotalBytes)}")) + ".";
        var bound = limitBytes is { } limit && limit < memory.TotalBytes ? $"the memory limit of {ByteCount.Text(limit)}" : memory.LimitedBy;
        return new StokerException(
            ErrorKind.OutOfMemory,
            $"{holder} needs {estimate}, but {bound} has {ByteCount.Text(free)} free of {ByteCount.Text(memory.TotalBytes)} "
            + $"({ByteCount.Text(headroomBytes)} stay reserved for everything else).{held} Use a smaller context (--ctx), a smaller or more quantised model, or stop something.");
    }
}
