using Stoker.Engine;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Server.Admin;

/// <summary>Loaded models: list, unload.</summary>
public sealed class LoadedEndpoint(IInferenceEngine engine)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Loaded, Exposure.Socket, call =>
            JsonResponse.WriteAsync(call.Http, new LoadedList(engine.ListLoaded()), AdminJson.Default.LoadedList));
        routes.Add("POST", AdminRoutes.Unload, Exposure.Socket, async call =>
        {
            var request = await RequestBody.ReadAsync(call, AdminJson.Default.UnloadRequest);
            var unloaded = await engine.UnloadAsync(request.Model, request.Now, call.Aborted);
            await JsonResponse.WriteAsync(call.Http, new UnloadReport(unloaded.WasLoaded, unloaded.Ended), AdminJson.Default.UnloadReport);
        });
    }
}
