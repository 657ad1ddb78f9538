using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// The one model of a runner, its context and the answers from it. Everything comes from one thread, the runner's decode thread.
/// </summary>
public sealed class RunnerModel : IDisposable
{
    /// <summary>Context when nobody names one: enough for a chat, small enough for any machine.</summary>
    public const int DefaultContextTokens = 8192;

    /// <summary>Prompt tokens decoded at once.</summary>
    public const int MicroBatchTokens = 512;

    private readonly LlamaModel _model;
    private readonly SlotLoop? _loop;

    private RunnerModel(LlamaModel model, SlotLoop? loop)
    {
        _model = model;
        _loop = loop;
    }

    public required LoadedReport Report { get; init; }

    /// <summary>Nothing is decoded and nobody waits for that.</summary>
    public bool IsIdle => _loop is not { IsIdle: false };

    /// <summary>Loads and makes the context.</summary>
    /// <param name="library">llama.cpp.</param>
    /// <param name="command">What to load.</param>
    /// <param name="progress">Told of 0 to 1.</param>
    /// <param name="newSeed">For requests without a seed.</param>
    /// <exception cref="StokerException">Corrupt, Unsupported or OutOfMemory, with llama.cpp's own words.</exception>
    public static RunnerModel Load(LlamaLibrary library, LoadCommand command, Action<float>? progress, Func<uint> newSeed, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        LlamaModel? model = null;
        KvContext? kv = null;
        try
        {
            var options = new ModelLoadOptions { VocabularyOnly = command.VocabularyOnly, Repack = command.Repack, GpuLayers = command.GpuLayers };
            model = LlamaModel.Load(library, command.Paths, options, progress, cancellationToken);
            var threads = command.Threads ?? DecodeThreads.ForModel(model.SizeBytes, DecodeThreads.Count(OwnProcess.AllowedProcessors(), "/"));
            var contextTokens = command.VocabularyOnly ? 0 : ContextTokens(command.ContextTokens, model.TrainedContextTokens);
            if (!command.VocabularyOnly) kv = CreateContext(library, model, command, contextTokens, threads);
            cancellationToken.ThrowIfCancellationRequested();
            return new RunnerModel(model, kv is null ? null : LoopOf(library, model, kv, contextTokens, command, newSeed))
            {
                Report = new LoadedReport
                {
                    Description = model.Description,
                    ContextTokens = contextTokens,
                    TrainedContextTokens = model.TrainedContextTokens,
                    Threads = threads,
                    VocabularySize = model.VocabularySize,
                    HasChatTemplate = model.ChatTemplate is not null,
                    LoadMs = watch.Elapsed.TotalMilliseconds,
                    Slots = kv?.Slots ?? 1,
                    KvMode = kv?.Mode ?? KvMode.Ram,
                    KvReason = kv?.Reason,
                },
            };
        }
        catch (Exception error)
        {
            kv?.Dispose();
            model?.Dispose();
            if (error is LlamaException refused) throw LlamaErrors.ToStoker(refused);
            throw;
        }
    }

    /// <summary>The context that a model gets. Pure.</summary>
    public static int ContextTokens(int? asked, int trained) => asked ?? (trained > 0 ? Math.Min(trained, DefaultContextTokens) : DefaultContextTokens);

    public int[] Tokenize(TokenizeCommand command)
    {
        if (!_model.HasVocabulary) throw new StokerException(ErrorKind.Unsupported, "This model has no vocabulary.");
        return _model.Tokenize(command.Text, command.AddSpecial, command.ParseSpecial);
    }

    /// <summary>Begins an answer as soon as a slot is free; <see cref="Step"/> carries it on.</summary>
    internal void Join(GenerationRequest request, IAnswerTarget target)
    {
        if (_loop is not null) _loop.Join(request, target);
        else target.Fail(ErrorKind.Unsupported, "This file holds a vocabulary and no weights: it can tokenise, but not generate.");
    }

    /// <summary>One step of all answers. False: every receiver is behind.</summary>
    public bool Step() => _loop?.Step() ?? true;

    public void Dispose()
    {
        _loop?.Dispose();
        _model.Dispose();
    }

    private static KvContext CreateContext(LlamaLibrary library, LlamaModel model, LoadCommand command, int contextTokens, int threads)
    {
        if (!model.HasDecoder || model.HasEncoder)
            throw new StokerException(ErrorKind.Unsupported, $"'{model.Description}' is not a text generator (it has an encoder): only decoder models can be run.");
        var options = new KvOptions
        {
            Mode = command.Kv,
            ContextTokens = contextTokens,
            Slots = command.Slots ?? 1,
            KeyType = command.KvType,
            ValueType = command.KvType,
            Threads = threads,
            MicroBatch = MicroBatchTokens,
            SessionsFolder = command.SessionsFolder,
            WindowTokens = command.KvWindowTokens,
        };
        var kv = KvContext.Create(library, model, options);
        // In memory every slot takes a whole cache: where that was not foreseen, fewer are made.
        if (kv.Mode != KvMode.Ram || command.SlotsInMemory is not { } fewer || fewer >= kv.Slots) return kv;
        kv.Dispose();
        return KvContext.Create(library, model, options with { Slots = fewer });
    }

    private static SlotLoop LoopOf(LlamaLibrary library, LlamaModel model, KvContext kv, int contextTokens, LoadCommand command, Func<uint> newSeed)
    {
        var bytes = new byte[]?[model.VocabularySize];
        var slotModel = new SlotModel(library, model, contextTokens, token => bytes[token] ??= model.TokenBytes(token), newSeed);
        return new SlotLoop(slotModel, new SlotTable(kv, command.SessionsFolder));
    }
}
