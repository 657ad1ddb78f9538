using System.Text.Json.Serialization;
using Stoker.Core.Jobs;
using Stoker.Core.Progress;
using Stoker.Engine.Sessions;
using Stoker.Supply;

namespace Stoker.Server.Admin.Contracts;

/// <summary>JSON of management: camelCase, enums by name, absent instead of null. Used by the daemon and by the CLI.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(VersionReport))]
[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(PullRequest))]
[JsonSerializable(typeof(JobList))]
[JsonSerializable(typeof(JobSnapshot))]
[JsonSerializable(typeof(StageProgress))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(RemovedReport))]
[JsonSerializable(typeof(StoreUsage))]
[JsonSerializable(typeof(CollectRequest))]
[JsonSerializable(typeof(CollectReport))]
[JsonSerializable(typeof(LoadedList))]
[JsonSerializable(typeof(UnloadRequest))]
[JsonSerializable(typeof(UnloadReport))]
[JsonSerializable(typeof(ConfigReport))]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(SessionList))]
[JsonSerializable(typeof(SessionSummary))]
[JsonSerializable(typeof(SessionReport))]
[JsonSerializable(typeof(SessionNaming))]
[JsonSerializable(typeof(SessionRemoved))]
[JsonSerializable(typeof(SessionVerified))]
[JsonSerializable(typeof(SessionChecks))]
public sealed partial class AdminJson : JsonSerializerContext;
