using Microsoft.Win32.SafeHandles;
using Stoker.Native.Libc;

namespace Stoker.Engine.Decoding;

/// <summary>
/// When conversations that nobody uses give their pages back, and how: written out, then dropped from memory, beside the decode
/// thread. Of the decode thread alone.
/// </summary>
/// <param name="after">How long they rest before that; negative: they never do.</param>
internal sealed class IdlePages(TimeSpan after, TimeProvider time)
{
    // Timers take no more than 49 days.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private long _next = long.MaxValue;

    public long Now => time.GetTimestamp();

    /// <summary>Somebody may have rested for long enough.</summary>
    public bool IsDue => after >= TimeSpan.Zero && Now >= _next;

    /// <summary>How long nothing is due; infinite: until somebody rests.</summary>
    public TimeSpan Wait => _next == long.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(Math.Clamp(time.GetElapsedTime(Now, _next).Ticks, 0, LongestWait.Ticks));

    public bool IsLong(long restsSince) => time.GetElapsedTime(restsSince) >= after;

    /// <summary>Says when to look again.</summary>
    public void Plan(IEnumerable<Conversation> kept)
    {
        if (after < TimeSpan.Zero) return;
        var first = kept.Where(static kept => !kept.IsAnswering && !kept.IsPagedOut).Select(static kept => kept.RestsSince).DefaultIfEmpty(long.MaxValue).Min();
        _next = first == long.MaxValue ? first : first + (long)Math.Min(after.TotalSeconds * time.TimestampFrequency, long.MaxValue - first);
    }

    /// <summary>Writes out and drops the pages of a conversation that is in no slot. Pages that others have mapped stay.</summary>
    /// <param name="conversation">At rest.</param>
    /// <param name="unmapped">Waits until its slot has let go of them.</param>
    public void PageOut(Conversation conversation, Action unmapped)
    {
        conversation.IsPagedOut = true;
        if (conversation.Chain is not { } chain) return;
        SafeFileHandle[] files = [.. chain.Shared.Select(static segment => segment.File.Handle), chain.Own.Handle];
        _ = Task.Run(() =>
        {
            unmapped();
            foreach (var file in files)
            {
                try
                {
                    Files.LeavePageCache(file, 0, 0);
                }
                catch (ObjectDisposedException)
                {
                    // Closed meanwhile: the kernel has its pages.
                }
            }
        });
    }
}
