using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Native.Llama;

namespace Stoker.Bench.Kv;

/// <summary>
/// A process with one context, told over standard input what to do, so that its memory is that of one side alone: the stock buffer
/// type (<c>ram</c>, as the library makes it) or files (<c>ssd</c>). Everything else is the same code.
/// </summary>
internal sealed class KvProbe : IDisposable
{
    public const string Verb = "kv-probe";

    private readonly LlamaModel _model;
    private readonly KvContext _kv;
    private readonly LlamaBatch _batch;
    private readonly KvProbeOptions _options;
    private readonly List<KvChain> _chains = [];

    private KvProbe(LlamaLibrary library, KvProbeOptions options)
    {
        _options = options;
        _model = LlamaModel.Load(library, [options.Model], new ModelLoadOptions { Repack = false }, null, CancellationToken.None);
        var begun = Stopwatch.GetTimestamp();
        _kv = KvContext.Create(library, _model, new KvOptions
        {
            Mode = options.Mode,
            ContextTokens = options.ContextTokens,
            Slots = options.Slots,
            Threads = options.Threads,
            MicroBatch = options.MicroBatch,
            SessionsFolder = options.Folder,
        });
        CreationMs = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        _batch = LlamaBatch.Create(library, options.MicroBatch + options.Slots);
        if (_kv.Layout is null) return;
        for (var slot = 0; slot < options.Slots; slot++)
        {
            _chains.Add(NewChain());
            _kv.Attach(slot, _chains[slot], 0, ReadOnlyMemory<byte>.Empty);
        }
    }

    private double CreationMs { get; }

    public static int Run(IReadOnlyList<string> arguments)
    {
        var log = new LlamaLog(forward: static (_, _) => { });
        if (!LlamaLibrary.TryLoad(LlamaLibrary.DefaultPlaces(AppContext.BaseDirectory), log, out var library, out var reason))
        {
            Console.Error.WriteLine(reason);
            return 1;
        }
        using var probe = new KvProbe(library, KvProbeOptions.Parse(arguments));
        Say(probe.CreationMs);
        while (Console.In.ReadLine() is { } line) Say(probe.Do(line.Split(' ')));
        return 0;
    }

    public void Dispose()
    {
        _batch.Dispose();
        _kv.Dispose();
        _model.Dispose();
        foreach (var chain in _chains) chain.Dispose();
    }

    private static void Say(double number) => Console.Out.WriteLine(number.ToString("R", CultureInfo.InvariantCulture));

    private double Do(string[] words) => words switch
    {
        ["load", var slot, var path] => _kv.Context.LoadState(Number(slot), path).Length,
        ["decode", var slots, var count] => Decode(Number(slots), Number(count)),
        ["prefill", var count] => Prefill(Number(count)),
        ["truncate", var cells] => _kv.Truncate(0, Number(cells)) ? 1 : 0,
        ["release"] => Release(),
        ["switch"] => Switch(),
        ["fork", var count] => Fork(Number(count)),
        ["hash"] => Hash(),
        _ => double.NaN,
    };

    /// <summary>Tokens a second of all slots together, one token for each in a batch.</summary>
    private double Decode(int slots, int count)
    {
        Step(slots);
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) Step(slots);
        return slots * count / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private void Step(int slots)
    {
        _batch.Clear();
        for (var slot = 0; slot < slots; slot++)
        {
            var position = _kv.Context.LastPosition(slot) + 1;
            _kv.Reserve(slot, position + 1);
            _batch.Add(TokenAt(slot, position), position, slot, wantLogits: true);
        }
        Check(_kv.Context.Decode(_batch));
    }

    /// <summary>Seconds.</summary>
    private double Prefill(int count)
    {
        var begun = Stopwatch.GetTimestamp();
        var position = _kv.Context.LastPosition(0) + 1;
        for (var end = position + count; position < end;)
        {
            _batch.Clear();
            var chunk = _options.Mode == KvMode.Ssd ? PrefillPlan.TokensAtOnce(position, _options.MicroBatch) : _options.MicroBatch;
            var last = Math.Min(end, position + chunk);
            _kv.Reserve(0, last);
            for (; position < last; position++) _batch.Add(TokenAt(0, position), position, 0, wantLogits: position == last - 1);
            Check(_kv.Context.Decode(_batch));
        }
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private double Release()
    {
        _kv.ReleaseCompute();
        return 0;
    }

    /// <summary>Milliseconds for the conversation of slot 0 to leave its slot and come back.</summary>
    private double Switch()
    {
        var begun = Stopwatch.GetTimestamp();
        var state = _kv.Detach(0);
        _kv.Attach(0, _chains.Count > 0 ? _chains[0] : null, state.Cells, state.State);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>Forks slot 0 into so many of the slots after it, up to where it could decode; gives the milliseconds of the middle one.</summary>
    private double Fork(int count)
    {
        var state = _kv.Capture(0);
        var taken = new List<double>();
        for (var slot = 1; slot <= count; slot++)
        {
            var begun = Stopwatch.GetTimestamp();
            var child = _chains[0].Fork(state.Cells, NewFile(), _kv.Layout!);
            _kv.Attach(slot, child, state.Cells, state.State);
            taken.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            _chains[slot].Dispose();
            _chains[slot] = child;
        }
        return Samples.Median(taken);
    }

    private double Hash()
    {
        var hash = SHA256.HashData(MemoryMarshal.AsBytes(_kv.Context.Logits(_batch.Count - 1)));
        return BitConverter.ToUInt32(hash);
    }

    private KvChain NewChain() => new([], NewFile());

    // With a name, so that what they take on disk can be seen from outside.
    private KvFile NewFile() => KvFile.Create(Path.Combine(_options.Folder!, $"{Guid.NewGuid():N}.kv"), _kv.Layout!);

    private int TokenAt(int slot, int position) => (int)(unchecked(((uint)position * 2_654_435_761u) + ((uint)slot * 40_503u)) % (uint)_model.VocabularySize);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Check(DecodeResult result)
    {
        if (result != DecodeResult.Done) throw new InvalidOperationException($"libllama could not decode: {result}");
    }
}

/// <summary>What a <see cref="KvProbe"/> holds.</summary>
internal sealed record KvProbeOptions(string Model, KvMode Mode, int ContextTokens, int Slots, int Threads, int MicroBatch, string? Folder)
{
    public static KvProbeOptions Parse(IReadOnlyList<string> words) => new(
        words[0],
        words[1] == "ssd" ? KvMode.Ssd : KvMode.Ram,
        int.Parse(words[2], CultureInfo.InvariantCulture),
        int.Parse(words[3], CultureInfo.InvariantCulture),
        int.Parse(words[4], CultureInfo.InvariantCulture),
        int.Parse(words[5], CultureInfo.InvariantCulture),
        words[6]);

    public IReadOnlyList<string> Words() =>
    [
        Model,
        Mode == KvMode.Ssd ? "ssd" : "ram",
        ContextTokens.ToString(CultureInfo.InvariantCulture),
        Slots.ToString(CultureInfo.InvariantCulture),
        Threads.ToString(CultureInfo.InvariantCulture),
        MicroBatch.ToString(CultureInfo.InvariantCulture),
        Folder ?? "",
    ];
}
