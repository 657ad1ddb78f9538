namespace Stoker.Bench;

/// <summary>
/// How long the first text takes beyond the computation: from sending the request to the first text at the client, less what the
/// runner says the prompt took. That is more than the way from the sampled token to the client: it has the request's way too.
/// </summary>
internal static class FirstTokenBench
{
    public const string Model = "hf:bench/tiny:Q4_0";

    public static async Task<IReadOnlyList<Figure>> RunAsync(BenchHome home, bool quick, CancellationToken cancellationToken)
    {
        await home.StartDaemonAsync(1, cancellationToken);
        using var client = new HttpClient();
        for (var i = 0; i < 5; i++) await CallAsync(client, home, i, cancellationToken);
        var samples = new List<double>();
        for (var i = 0; i < (quick ? 5 : 50); i++)
        {
            var call = await CallAsync(client, home, i, cancellationToken);
            samples.Add(call.FirstTextMs - call.PrefillMs);
        }
        return [Figure.AtMost("request and first text, beyond the computation", Samples.Median(samples), 15, "ms", $"{samples.Count} answers, {Samples.Range(samples)}")];
    }

    private static Task<ApiCall> CallAsync(HttpClient client, BenchHome home, int number, CancellationToken cancellationToken) =>
        ApiCall.RunAsync(client, home.Port, Model, $"Question {number}: why is the sky blue?", 8, cancellationToken);
}
