using System.Text.Json.Serialization;

namespace Stoker.Server.OpenAi.Contracts;

/// <summary>JSON of the OpenAI API: snake_case, <c>null</c> written where OpenAI writes it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(ListedModels))]
[JsonSerializable(typeof(ListedModel))]
public sealed partial class OpenAiJson : JsonSerializerContext;

/// <summary>The writing side of our own client: what is absent is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ChatRequest))]
public sealed partial class ChatRequestJson : JsonSerializerContext;
