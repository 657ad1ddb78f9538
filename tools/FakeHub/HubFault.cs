namespace FakeHub;

/// <summary>
/// What goes wrong, where, and how often. Requests whose path (with query) contains <see cref="Path"/> are counted; those after the
/// first <see cref="Skip"/> are hit, <see cref="Times"/> of them. Settable, because generated JSON code gives init-only properties no default.
/// </summary>
public sealed record HubFault
{
    /// <summary>A part of the path; <c>/lfs/</c> and <c>/blobs/</c> are where content comes from.</summary>
    public required string Path { get; set; }

    /// <summary>Only requests whose Range begins at this byte, or null: any.</summary>
    public long? RangeStart { get; set; }

    public int Skip { get; set; }
    public int Times { get; set; } = int.MaxValue;

    /// <summary>Answer this status and nothing of the file.</summary>
    public int? Status { get; set; }

    /// <summary>With <see cref="Status"/>: the body.</summary>
    public string? StatusBody { get; set; }

    /// <summary>With <see cref="Status"/>: the header's value.</summary>
    public string? RetryAfter { get; set; }

    /// <summary>Close the connection before any answer.</summary>
    public bool Drop { get; set; }

    /// <summary>End the connection after so many bytes of body.</summary>
    public long? CutAfterBytes { get; set; }

    /// <summary>With <see cref="CutAfterBytes"/>: by a TCP reset, which may also destroy what has not been read yet.</summary>
    public bool Reset { get; set; }

    /// <summary>Send nothing more after so many bytes of body, and keep the connection.</summary>
    public long? StallAfterBytes { get; set; }

    /// <summary>End a well-formed answer after so many bytes: the headers announce the shorter body.</summary>
    public long? ShortBodyBytes { get; set; }

    /// <summary>So many bytes more than there are.</summary>
    public int LongBodyBytes { get; set; }

    /// <summary>Flip the lowest bit of this byte of the file.</summary>
    public long? FlipBitAt { get; set; }

    /// <summary>Added to the first byte that Content-Range names.</summary>
    public long ContentRangeShift { get; set; }

    /// <summary>Added to the size that Content-Range names.</summary>
    public long ContentRangeTotalShift { get; set; }

    /// <summary>200 and the whole file to a request for a range.</summary>
    public bool IgnoreRange { get; set; }

    /// <summary>Gzip the body though nobody asked.</summary>
    public bool Gzip { get; set; }

    /// <summary>No Content-Length.</summary>
    public bool Chunked { get; set; }

    /// <summary>A login page with status 200.</summary>
    public bool HtmlPage { get; set; }

    /// <summary>An ETag of its own on every answer.</summary>
    public bool ChangingETag { get; set; }

    /// <summary>This ETag.</summary>
    public string? ETag { get; set; }

    /// <summary>No ETag and no Last-Modified.</summary>
    public bool NoETag { get; set; }

    /// <summary>No ETag, but Last-Modified.</summary>
    public bool OnlyLastModified { get; set; }

    /// <summary>Redirect here; <c>{self}</c> is the same address again, <c>{next}</c> one that counts up for ever.</summary>
    public string? RedirectTo { get; set; }

    /// <summary>Bytes a second for this connection.</summary>
    public long? RateBytesPerSecond { get; set; }

    /// <summary>Wait before the answer.</summary>
    public int DelayMs { get; set; }

    /// <summary>In-process only: wait here after so many bytes of body until the test says go.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public HubGate? Gate { get; set; }
}

/// <summary>A place where an answer waits for a test.</summary>
public sealed class HubGate(long afterBytes)
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long AfterBytes => afterBytes;

    /// <summary>Completes when an answer waits here.</summary>
    public Task Reached => _reached.Task;

    /// <summary>Lets every answer pass.</summary>
    public void Open() => _open.TrySetResult();

    internal async Task PassAsync(CancellationToken cancellationToken)
    {
        _reached.TrySetResult();
        await _open.Task.WaitAsync(cancellationToken);
    }
}

/// <summary>The faults in force. Thread-safe.</summary>
public sealed class HubFaults
{
    private readonly Lock _gate = new();
    private readonly List<(HubFault Fault, int[] Seen)> _faults = [];

    public void Add(HubFault fault)
    {
        lock (_gate) _faults.Add((fault, [0]));
    }

    public void Clear()
    {
        lock (_gate) _faults.Clear();
    }

    /// <summary>The first fault that hits this request, or null.</summary>
    internal HubFault? Take(string path, long? rangeStart)
    {
        lock (_gate)
        {
            foreach (var (fault, seen) in _faults)
            {
                if (!path.Contains(fault.Path, StringComparison.Ordinal) || (fault.RangeStart is { } start && start != (rangeStart ?? 0))) continue;
                var number = seen[0]++;
                if (number >= fault.Skip && number - fault.Skip < fault.Times) return fault;
            }
            return null;
        }
    }
}
