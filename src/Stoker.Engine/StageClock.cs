using Stoker.Core.Progress;

namespace Stoker.Engine;

/// <summary>Reports one stage with the time since it began.</summary>
internal sealed class StageClock
{
    private readonly IProgress<StageProgress>? _progress;
    private readonly Stage _stage;
    private readonly string _item;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly string? _warning;

    /// <param name="note">Of its beginning.</param>
    /// <param name="warning">Of all of it, unless its end has another.</param>
    internal StageClock(IProgress<StageProgress>? progress, Stage stage, string item, TimeProvider time, string? note = null, string? warning = null)
    {
        _warning = warning;
        _progress = progress;
        _stage = stage;
        _item = item;
        _time = time;
        _began = time.GetTimestamp();
        Report(0, null, isDone: false, note);
    }

    internal TimeSpan Elapsed => _time.GetElapsedTime(_began);

    internal void Progress(long done, long total) => Report(done, total, isDone: false, null);

    internal void Done(long total = 0, string? note = null, string? warning = null) => Report(total, total, isDone: true, note, warning);

    private void Report(long done, long? total, bool isDone, string? note, string? warning = null) =>
        _progress?.Report(new StageProgress(_stage, _item, done, total, _time.GetElapsedTime(_began).TotalMilliseconds, isDone) { Note = note, Warning = warning ?? _warning });
}
