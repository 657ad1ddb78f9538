using System.Diagnostics;
using System.Globalization;
using Stoker.Native.Llama;

namespace Stoker.Bench;

/// <summary>
/// The yardstick: libllama called in a loop, nothing around it, with the parameters that the runner uses. A process of its own
/// (so that its memory can be compared), told over standard input when to run: <c>run TOKENS</c>.
/// </summary>
internal static class BareLoop
{
    public const string Verb = "bare-loop";
    private const int BatchTokens = 512;

    /// <param name="arguments">MODEL THREADS CONTEXT PROMPT.</param>
    public static int Run(IReadOnlyList<string> arguments)
    {
        var log = new LlamaLog(forward: static (_, _) => { });
        if (!LlamaLibrary.TryLoad(LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory), log, out var library, out var reason))
        {
            Console.Error.WriteLine(reason);
            return 1;
        }
        var threads = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        var contextTokens = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        using var model = LlamaModel.Load(library, [arguments[0]], new ModelLoadOptions(), null, CancellationToken.None);
        using var context = LlamaContext.Create(library, model, new ContextOptions
        {
            ContextTokens = contextTokens, Threads = threads, BatchTokens = BatchTokens, MicroBatchTokens = BatchTokens,
        });
        using var batch = LlamaBatch.Create(library, BatchTokens);
        using var sampler = LlamaSampler.Create(library, model, new SamplerSettings { Temperature = 0 });
        var prompt = model.Tokenize(arguments[3], addSpecial: true, parseSpecial: true);
        Console.Out.WriteLine("ready");
        while (Console.In.ReadLine() is { } line && line.Split(' ') is ["run", var count])
        {
            var rate = Decode(context, batch, sampler, prompt, int.Parse(count, CultureInfo.InvariantCulture));
            Console.Out.WriteLine(rate.ToString("R", CultureInfo.InvariantCulture));
        }
        return 0;
    }

    /// <summary>Tokens a second from the first sampled token to the last.</summary>
    private static double Decode(LlamaContext context, LlamaBatch batch, LlamaSampler sampler, int[] prompt, int tokens)
    {
        context.Clear();
        batch.Clear();
        for (var i = 0; i < prompt.Length; i++) batch.Add(prompt[i], i, 0, wantLogits: i == prompt.Length - 1);
        Check(context.Decode(batch));
        var token = sampler.Sample(context, batch.Count - 1);
        var begun = Stopwatch.GetTimestamp();
        for (var done = 1; done < tokens; done++)
        {
            batch.Clear();
            batch.Add(token, prompt.Length + done - 1, 0, wantLogits: true);
            Check(context.Decode(batch));
            token = sampler.Sample(context, 0);
        }
        return (tokens - 1) / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private static void Check(DecodeResult result)
    {
        if (result != DecodeResult.Done) throw new InvalidOperationException($"libllama could not decode: {result}");
    }
}
