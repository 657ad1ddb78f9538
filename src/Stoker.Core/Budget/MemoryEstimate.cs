namespace Stoker.Core.Budget;

/// <summary>What something will take. Private memory is lost to everyone else; mapped file pages could be read again, slowly.</summary>
public sealed record MemoryEstimate
{
    /// <summary>Weights that are copied: repacked for the processor, or read without mmap.</summary>
    public long CopiedWeightsBytes { get; init; }

    /// <summary>Weights that stay pages of the file.</summary>
    public long MappedWeightsBytes { get; init; }

    /// <summary>Key-value cache and recurrent state.</summary>
    public long CacheBytes { get; init; }

    /// <summary>Activations, logits, vocabulary, the process itself.</summary>
    public long WorkingBytes { get; init; }

    public long PrivateBytes => CopiedWeightsBytes + CacheBytes + WorkingBytes;

    public long TotalBytes => PrivateBytes + MappedWeightsBytes;

    public override string ToString() =>
        $"{ByteCount.Text(TotalBytes)} ({ByteCount.Text(CopiedWeightsBytes + MappedWeightsBytes)} weights, {ByteCount.Text(CacheBytes)} context, {ByteCount.Text(WorkingBytes)} working memory)";
}
