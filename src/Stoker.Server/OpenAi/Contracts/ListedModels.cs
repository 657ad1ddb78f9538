namespace Stoker.Server.OpenAi.Contracts;

/// <summary>Installed models.</summary>
public sealed record ListedModels(IReadOnlyList<ListedModel> Data)
{
    public string Object { get; init; } = "list";
}

public sealed record ListedModel
{
    public required string Id { get; init; }
    public string Object { get; init; } = "model";

    /// <summary>Unix seconds of the pull.</summary>
    public required long Created { get; init; }
    public required string OwnedBy { get; init; }
}
