using System.Diagnostics;
using Stoker.Core.Errors;
using Stoker.Engine.Protocol;
using Stoker.Native.Libc;
using Stoker.Native.Llama;

namespace Stoker.Engine.Decoding;

/// <summary>
/// The one model of a runner, its context and the answers from it. All calls block and come from one thread, the runner's
/// decode thread.
/// </summary>
public sealed class RunnerModel : IDisposable
{
    /// <summary>Context when nobody names one: enough for a chat, small enough for any machine.</summary>
    public const int DefaultContextTokens = 8192;

    /// <summary>Prompt tokens decoded at once.</summary>
    public const int MicroBatchTokens = 512;

    private readonly LlamaLibrary _library;
    private readonly LlamaModel _model;
    private readonly LlamaContext? _context;
    private readonly LlamaBatch? _batch;
    private readonly byte[]?[] _tokenBytes;
    private readonly Func<uint> _newSeed;

    private RunnerModel(LlamaLibrary library, LlamaModel model, LlamaContext? context, LlamaBatch? batch, Func<uint> newSeed)
    {
        _library = library;
        _model = model;
        _context = context;
        _batch = batch;
        _newSeed = newSeed;
        _tokenBytes = new byte[model.VocabularySize][];
    }

    public required LoadedReport Report { get; init; }

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
        LlamaContext? context = null;
        LlamaBatch? batch = null;
        try
        {
            var options = new ModelLoadOptions { VocabularyOnly = command.VocabularyOnly, Repack = command.Repack };
            model = LlamaModel.Load(library, command.Paths, options, progress, cancellationToken);
            var threads = command.Threads ?? DecodeThreads.ForModel(model.SizeBytes, DecodeThreads.Count(OwnProcess.AllowedProcessors(), "/"));
            var contextTokens = 0;
            if (!command.VocabularyOnly)
            {
                if (!model.HasDecoder || model.HasEncoder)
                    throw new StokerException(ErrorKind.Unsupported, $"'{model.Description}' is not a text generator (it has an encoder): only decoder models can be run.");
                contextTokens = ContextTokens(command.ContextTokens, model.TrainedContextTokens);
                context = LlamaContext.Create(library, model, new ContextOptions
                {
                    ContextTokens = contextTokens,
                    Threads = threads,
                    BatchTokens = MicroBatchTokens,
                    MicroBatchTokens = MicroBatchTokens,
                });
                batch = LlamaBatch.Create(library, MicroBatchTokens);
            }
            cancellationToken.ThrowIfCancellationRequested();
            return new RunnerModel(library, model, context, batch, newSeed)
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
                },
            };
        }
        catch (Exception error)
        {
            batch?.Dispose();
            context?.Dispose();
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

    /// <summary>One answer; events go to <paramref name="emit"/> as they come up.</summary>
    /// <exception cref="StokerException">ContextOverflow, InvalidInput, Unsupported.</exception>
    /// <exception cref="OperationCanceledException">Cancelled: within one token, or one micro-batch of the prompt.</exception>
    public void Generate(GenerationRequest request, Action<GenerationEvent> emit, CancellationToken cancellationToken)
    {
        if (_context is null || _batch is null)
            throw new StokerException(ErrorKind.Unsupported, "This file holds a vocabulary and no weights: it can tokenise, but not generate.");
        try
        {
            GenerationChecks.Check(request);
            var prompt = PromptTokens.Of(_library, _model, request);
            GenerationChecks.CheckFits(prompt.Length, Report.ContextTokens, Report.TrainedContextTokens);
            var settings = SamplingRules.Resolve(request.Sampling, request.Grammar, Report.ContextTokens, _newSeed);
            using var sampler = LlamaSampler.Create(_library, _model, settings);
            var loop = new DecodeLoop(_context, _batch, sampler, BytesOf);
            using var abort = cancellationToken.Register(_context.Abort);
            loop.Run(request, prompt, settings, Report.ContextTokens, emit, cancellationToken);
        }
        catch (LlamaException error)
        {
            throw LlamaErrors.ToStoker(error);
        }
        finally
        {
            _context.ResetAbort();
        }
    }

    public void Dispose()
    {
        _batch?.Dispose();
        _context?.Dispose();
        _model.Dispose();
    }

    private byte[] BytesOf(int token) => _tokenBytes[token] ??= _model.TokenBytes(token);
}
