namespace Stoker.Core.Children;

/// <summary>How to start a child.</summary>
public sealed record ChildStart
{
    /// <summary>What it is, for messages: "runner".</summary>
    public required string Role { get; init; }

    /// <summary>The executable.</summary>
    public required string Program { get; init; }

    /// <summary>Its arguments; <c>--socket PATH</c> is added.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>A folder of ours, in which one of mode 0700 is made for this child's socket.</summary>
    public required string RunFolder { get; init; }

    /// <summary>Version of the messages; another one in the hello is refused.</summary>
    public required int Protocol { get; init; }

    /// <summary>Variables set for it, or removed (null).</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Gets each line the child writes to its standard output and error.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>How long it may take until its hello.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(20);
}
