using Stoker.Core.Budget;
using Stoker.Core.Errors;

namespace Stoker.Tests.Core.Budget;

public sealed class MemoryLedgerTests
{
    private const long Gib = 1L << 30;

    [Fact]
    public void Reserve_WhatFits_IsHeldUntilDisposed()
    {
        var ledger = Ledger(10 * Gib);
        using (var lease = ledger.Reserve("a", Private(6)))
        {
            Assert.Equal(4 * Gib, ledger.FreeBytes);
            Assert.Same(lease, Assert.Single(ledger.Leases));
        }
        Assert.Equal(10 * Gib, ledger.FreeBytes);
        Assert.Empty(ledger.Leases);
    }

    [Fact]
    public void Reserve_WhatDoesNotFit_IsRefusedWithTheNumbers()
    {
        var ledger = Ledger(10 * Gib);
        using var held = ledger.Reserve("first", Private(6));
        var error = Assert.Throws<StokerException>(() => ledger.Reserve("second", new MemoryEstimate { CopiedWeightsBytes = 4 * Gib, CacheBytes = Gib }));
        Assert.Equal(ErrorKind.OutOfMemory, error.Kind);
        foreach (var number in new[] { "second needs 5 GiB", "4 GiB weights", "1 GiB context", "4 GiB free of 16 GiB", "first 6 GiB", "the machine" })
            Assert.Contains(number, error.Message, StringComparison.Ordinal);
        Assert.Single(ledger.Leases);
    }

    [Fact]
    public void Reserve_WhatIsAllocated_IsNotCountedTwice()
    {
        var gauge = new FakeGauge(10 * Gib);
        var ledger = new MemoryLedger(gauge, headroomBytes: 0);
        using var lease = ledger.Reserve("a", new MemoryEstimate { CacheBytes = 4 * Gib, MappedWeightsBytes = Gib });
        Assert.Equal(5 * Gib, ledger.FreeBytes);
        gauge.AvailableBytes = 6 * Gib; // the private part is gone from it, the mapped part is page cache
        lease.MarkAllocated();
        Assert.Equal(5 * Gib, ledger.FreeBytes);
    }

    [Fact]
    public void Reserve_WithALimitOfTheUsers_IsBoundByIt()
    {
        var ledger = new MemoryLedger(new FakeGauge(10 * Gib), limitBytes: 2 * Gib, headroomBytes: 0);
        using var lease = ledger.Reserve("a", Private(1));
        Assert.Equal(Gib, ledger.FreeBytes);
        Assert.Contains("the memory limit of 2 GiB", Assert.Throws<StokerException>(() => ledger.Reserve("b", Private(2))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_Twice_ReleasesOnce()
    {
        var ledger = Ledger(10 * Gib);
        var first = ledger.Reserve("a", Private(1));
        using var second = ledger.Reserve("a", Private(1));
        first.Dispose();
        first.Dispose();
        Assert.Equal(9 * Gib, ledger.FreeBytes);
    }

    [Fact]
    public void Reserve_FromManyThreads_NeverPromisesMoreThanThereIs()
    {
        var ledger = Ledger(10 * Gib);
        var granted = 0;
        Parallel.For(0, 200, _ =>
        {
            try
            {
                ledger.Reserve("x", Private(1));
                Interlocked.Increment(ref granted);
            }
            catch (StokerException)
            {
                // Refused: the budget is full.
            }
        });
        Assert.Equal(10, granted);
        Assert.Equal(0, ledger.FreeBytes);
    }

    private static MemoryLedger Ledger(long availableBytes) => new(new FakeGauge(availableBytes), headroomBytes: 0);

    private static MemoryEstimate Private(int gibibytes) => new() { CacheBytes = gibibytes * Gib };

    private sealed class FakeGauge(long availableBytes) : IMemoryGauge
    {
        public long AvailableBytes { get; set; } = availableBytes;

        public MachineMemory Read() => new(16 * Gib, AvailableBytes, "the machine");
    }
}
