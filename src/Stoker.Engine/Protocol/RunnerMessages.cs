using System.Text.Json.Serialization;
using Stoker.Core.Children;
using Stoker.Native.Llama;

namespace Stoker.Engine.Protocol;

/// <summary>The messages between daemon and runner: JSON in frames of these kinds.</summary>
public static class RunnerProtocol
{
    /// <summary>Changes with any message, so that a daemon and a runner of different builds refuse each other.</summary>
    public const int Version = 4;

    /// <summary>Daemon to runner; each begins a request.</summary>
    public const ushort Load = FrameKinds.FirstOwn;
    public const ushort Generate = FrameKinds.FirstOwn + 1;
    public const ushort Tokenize = FrameKinds.FirstOwn + 2;
    public const ushort CloseSession = FrameKinds.FirstOwn + 3;

    /// <summary>Runner to daemon; parts of an answer.</summary>
    public const ushort LoadProgress = FrameKinds.FirstOwn + 16;
    public const ushort Loaded = FrameKinds.FirstOwn + 17;
    public const ushort Event = FrameKinds.FirstOwn + 18;
    public const ushort Tokenized = FrameKinds.FirstOwn + 19;
}

/// <summary>Loads a model; the first request of a runner, and the only one of its kind.</summary>
public sealed record LoadCommand
{
    /// <summary>Weights in the order of their split numbers; accepted by our own reader.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>Null: the smaller of what it was trained for and 8192.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>Null: the physical cores that cpuset and quota leave.</summary>
    public int? Threads { get; init; }
    public bool? Repack { get; init; }
    public int? GpuLayers { get; init; }

    /// <summary>Conversations decoded side by side. Null: 1.</summary>
    public int? Slots { get; init; }

    /// <summary>So many instead, where cells turn out to lie in memory; null: as many.</summary>
    public int? SlotsInMemory { get; init; }

    public KvMode Kv { get; init; } = KvMode.Auto;
    public KvType KvType { get; init; } = KvType.F16;

    /// <summary>Tokens whose cells stay in memory; null: as many as the kernel likes.</summary>
    public int? KvWindowTokens { get; init; }

    /// <summary>Where conversations lie; null: they have no files.</summary>
    public string? SessionsFolder { get; init; }

    /// <summary>Bytes that all sessions may take, or null: what the disk has.</summary>
    public long? SessionQuotaBytes { get; init; }

    /// <summary>Bytes that conversations without a name may take on disk; 0: they end with the runner.</summary>
    public long PromptCacheBytes { get; init; }

    /// <summary>How long a conversation rests before its pages are given back, or null: they stay as the kernel likes.</summary>
    public long? IdleAfterMs { get; init; }

    /// <summary>Snapshots survive the loss of power.</summary>
    public bool SyncSessions { get; init; }

    /// <summary>The model as the user names it.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>Digest of the weights, or what stands for it: sessions belong to it.</summary>
    public string ModelDigest { get; init; } = "";

    /// <summary>Only tokenising will be asked: no weights, no context.</summary>
    public bool VocabularyOnly { get; init; }
}

/// <summary>0 to 1: how much of the weights is there.</summary>
public sealed record LoadReport(double Fraction);

/// <summary>What was loaded.</summary>
public sealed record LoadedReport
{
    public required string Description { get; init; }
    public required int ContextTokens { get; init; }
    public required int TrainedContextTokens { get; init; }
    public required int Threads { get; init; }
    public required int VocabularySize { get; init; }
    public required bool HasChatTemplate { get; init; }
    public required double LoadMs { get; init; }

    /// <summary>Conversations decoded side by side, each with the whole context.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Where the cells of conversations lie.</summary>
    public KvMode KvMode { get; init; } = KvMode.Ram;

    /// <summary>Why they lie in memory though files were wanted; or null.</summary>
    public string? KvReason { get; init; }

    /// <summary>Why layers that were asked for do not lie on a GPU; or null.</summary>
    public string? GpuReason { get; init; }
}

/// <summary>Text to tokens.</summary>
/// <param name="AddSpecial">Add what the model wants around a text (BOS, EOS).</param>
/// <param name="ParseSpecial">Read special tokens written in the text as such.</param>
public sealed record TokenizeCommand(string Text, bool AddSpecial, bool ParseSpecial);

/// <summary>Lets a session go, so that others can hold it.</summary>
/// <param name="NameOrId">Null: all that nobody answers in.</param>
/// <param name="Scope">Null: whoever's it is.</param>
public sealed record CloseSessionCommand(string? NameOrId, string? Scope);

public sealed record TokenizedReport(IReadOnlyList<int> Tokens);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
[JsonSerializable(typeof(LoadCommand))]
[JsonSerializable(typeof(LoadReport))]
[JsonSerializable(typeof(LoadedReport))]
[JsonSerializable(typeof(TokenizeCommand))]
[JsonSerializable(typeof(TokenizedReport))]
[JsonSerializable(typeof(CloseSessionCommand))]
[JsonSerializable(typeof(GenerationRequest))]
[JsonSerializable(typeof(GenerationEvent))]
public sealed partial class RunnerJson : JsonSerializerContext;
