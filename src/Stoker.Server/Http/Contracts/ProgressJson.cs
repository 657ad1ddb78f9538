using System.Text.Json.Serialization;
using Stoker.Core.Progress;

namespace Stoker.Server.Http.Contracts;

/// <summary>JSON of progress in any stream: camelCase, stages by name, absent instead of null; the same that management writes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(StageProgress))]
public sealed partial class ProgressJson : JsonSerializerContext;
