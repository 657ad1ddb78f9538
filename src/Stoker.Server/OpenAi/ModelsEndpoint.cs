using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Server.Http;
using Stoker.Server.OpenAi.Contracts;

namespace Stoker.Server.OpenAi;

/// <summary><c>/v1/models</c>: what is installed. Paths are not listed, and over TCP not found either.</summary>
public sealed class ModelsEndpoint(IInferenceEngine engine)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", "/v1/models", Exposure.Api, ListAsync);
        routes.Add("GET", "/v1/models/" + HttpRoute.Rest, Exposure.Api, GetAsync);
    }

    private async Task ListAsync(HttpCall call)
    {
        var installed = await engine.ListInstalledAsync(call.Aborted);
        await JsonResponse.WriteAsync(call.Http, new ListedModels([.. installed.Select(Listed)]), OpenAiJson.Default.ListedModels);
    }

    private async Task GetAsync(HttpCall call)
    {
        var name = call.RouteValue!;
        var found = await engine.FindAsync(name, call.Trust, call.Aborted)
            ?? throw new RequestException(ErrorKind.NotFound, $"The model '{Printable.Short(name)}' is not installed here. See /v1/models.", "model", "model_not_found");
        await JsonResponse.WriteAsync(call.Http, Listed(found), OpenAiJson.Default.ListedModel);
    }

    private static ListedModel Listed(ModelManifest manifest) => new()
    {
        Id = manifest.Name,
        Created = manifest.PulledAt.ToUnixTimeSeconds(),
        OwnedBy = manifest.Source.ToString(),
    };
}
