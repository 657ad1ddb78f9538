using Microsoft.Extensions.Logging;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>Installed models: list, show, remove.</summary>
public sealed class StoredModelsEndpoint(ModelSupply supply, IInferenceEngine engine, ILogger logger)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Models, Exposure.Socket, ListAsync);
        routes.Add("GET", AdminRoutes.ModelShow, Exposure.Socket, ShowAsync);
        routes.Add("DELETE", AdminRoutes.Models, Exposure.Socket, RemoveAsync);
    }

    private async Task ListAsync(HttpCall call)
    {
        var loaded = LoadedNames();
        var models = await supply.ListAsync(call.Aborted);
        var list = new ModelList([.. models.Select(model => Summary(model, loaded))]);
        await JsonResponse.WriteAsync(call.Http, list, AdminJson.Default.ModelList);
    }

    private async Task ShowAsync(HttpCall call)
    {
        var name = Name(call);
        var manifest = await supply.FindAsync(name, call.Trust, call.Aborted) ?? throw NoSuchModel(name);
        var report = await ModelDescription.ReadAsync(manifest, Summary(manifest, LoadedNames()), supply, call.Aborted);
        await JsonResponse.WriteAsync(call.Http, report, AdminJson.Default.ModelReport);
    }

    private async Task RemoveAsync(HttpCall call)
    {
        var name = Name(call);
        var removed = await supply.RemoveAsync(name, call.Aborted) ?? throw NoSuchModel(name);
        AdminLog.Removed(logger, removed.Manifest.Name, removed.FreedBytes);
        await JsonResponse.WriteAsync(call.Http, new RemovedReport(removed.Manifest.Name, removed.FreedBytes), AdminJson.Default.RemovedReport);
    }

    private HashSet<string> LoadedNames() => [.. engine.ListLoaded().Select(static model => model.Name)];

    private static ModelSummary Summary(ModelManifest manifest, HashSet<string> loaded) => new()
    {
        Name = manifest.Name,
        Aliases = manifest.Aliases,
        Source = manifest.Source,
        Revision = manifest.Revision,
        SizeBytes = manifest.SizeBytes,
        Files = manifest.Files.Count,
        PulledAt = manifest.PulledAt,
        Loaded = loaded.Contains(manifest.Name),
        Selection = manifest.Selection,
    };

    private static string Name(HttpCall call) =>
        call.Query("name") ?? throw new RequestException(ErrorKind.InvalidInput, "Which model? Send ?name=.", "name");

    private static RequestException NoSuchModel(string name) =>
        new(ErrorKind.NotFound, $"The model '{Printable.Short(name)}' is not installed here. See: stoker list", "name", "model_not_found");
}
