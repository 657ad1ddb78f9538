using System.Globalization;

namespace Stoker.Bench.Kv;

/// <summary>
/// What a request in a long session takes through daemon and API beside its computation: from sending it to the first text at the
/// client, less what the runner says its prompt took. One slot, so that two sessions take turns in it.
/// </summary>
internal static class KvRequestBench
{
    private const string Shape = "thin";
    private const int ContextTokens = 65_536;

    // A token for each letter in the random models' vocabulary.
    private const string Sentence = "The stoker feeds the fire and watches the gauge. ";

    public static async Task RunAsync(BenchOptions options, KvLab lab, Action<Figure> tell, CancellationToken cancellationToken)
    {
        var cells = lab.Quick ? 4000 : 59_000;
        var times = lab.Quick ? 3 : 9;
        var model = lab.Model(Shape);
        await using var home = new BenchHome(options);
        Directory.CreateDirectory(home.HubFolder);
        await home.StartAsync(KvLab.Threads, cancellationToken);
        await LoadAsync();
        using var client = home.OwnersClient();
        lab.Progress.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  a session of {cells} tokens is computed"));
        await AskAsync("long", string.Concat(Enumerable.Repeat(Sentence, (cells / Sentence.Length) + 1)), 0);

        await TimesAsync("which is in its slot", () => AskAsync("long", "And then?", cells), 60);
        await TimesAsync(
            "while another is in the slot",
            async () =>
            {
                await AskAsync("other", "And here?", 0);
                return await AskAsync("long", "And then?", cells);
            },
            60);
        var forks = 0;
        await TimesAsync(
            "forked just now, opened from its folder",
            async () =>
            {
                var child = string.Create(CultureInfo.InvariantCulture, $"child-{++forks}");
                await home.StokerAsync(["sessions", "fork", "long", child], cancellationToken);
                return await AskAsync(child, "And then?", cells);
            });
        await home.StokerAsync(["stop", "--all"], cancellationToken);
        await LoadAsync();
        tell(Figure.Told($"a request to a session of {cells} tokens, the first of a new runner", await AskAsync("long", "And then?", cells), "ms", "code is compiled, pages warm"));

        Task LoadAsync() => home.StokerAsync(
            ["run", model, "--headless", "--ctx", ContextTokens.ToString(CultureInfo.InvariantCulture), "--parallel", "1", "--no-repack", "--keep-alive", "-1"], cancellationToken);

        async Task<double> AskAsync(string session, string message, int kept)
        {
            var call = await ApiCall.InSessionAsync(client, model, session, message, 2, cancellationToken);
            return call.Cached >= kept ? call.FirstTextMs - call.PrefillMs
                : throw new InvalidOperationException($"Session {session} computed its past again: {call.Cached} tokens were kept.");
        }

        async Task TimesAsync(string which, Func<Task<double>> ask, double? bar = null)
        {
            await ask(); // code is compiled
            var samples = new List<double>();
            for (var i = 0; i < times; i++) samples.Add(await ask());
            var name = string.Create(CultureInfo.InvariantCulture, $"a request to a session of {cells} tokens {which}");
            var detail = $"beside its computation, median of {times}, {Samples.Range(samples)}";
            tell(bar is { } most && !lab.Quick ? Figure.AtMost(name, Samples.Median(samples), most, "ms", detail) : Figure.Told(name, Samples.Median(samples), "ms", detail));
        }
    }
}
