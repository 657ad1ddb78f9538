using System.Text.Json.Serialization;

namespace Stoker.Server.Http.Contracts;

/// <summary>JSON of errors: snake_case as OpenAI writes it, and <c>null</c> written out, as its clients expect.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ErrorEnvelope))]
public sealed partial class HttpJson : JsonSerializerContext;
