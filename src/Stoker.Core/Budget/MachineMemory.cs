namespace Stoker.Core.Budget;

/// <summary>What this process may use at one moment.</summary>
/// <param name="TotalBytes">The machine's memory, or the smaller limit it is under.</param>
/// <param name="AvailableBytes">What could be allocated without pushing anyone out; page cache counts as available.</param>
/// <param name="LimitedBy">In words for messages: <c>the machine</c> or <c>the cgroup /x</c>.</param>
public sealed record MachineMemory(long TotalBytes, long AvailableBytes, string LimitedBy);

/// <summary>Tells <see cref="MachineMemory"/>. Thread-safe.</summary>
public interface IMemoryGauge
{
    MachineMemory Read();
}
