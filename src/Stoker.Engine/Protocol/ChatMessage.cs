namespace Stoker.Engine.Protocol;

/// <summary>One turn of a chat.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> (or what the template knows).</param>
/// <param name="Content">Its text.</param>
public sealed record ChatMessage(string Role, string Content);
