using Microsoft.Extensions.Logging;
using Stoker.Engine.Sessions;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply;

namespace Stoker.Server.Admin;

/// <summary>What the store takes, and removing what nobody needs.</summary>
public sealed class StoreEndpoint(StoreUpkeep upkeep, SessionStore sessions, ILogger logger)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Store, Exposure.Socket, call =>
        {
            var (named, cached) = sessions.UsedBytes();
            return JsonResponse.WriteAsync(call.Http, upkeep.Usage() with { SessionsBytes = named, PromptCacheBytes = cached }, AdminJson.Default.StoreUsage);
        });
        routes.Add("POST", AdminRoutes.Collect, Exposure.Socket, async call =>
        {
            var request = await RequestBody.ReadAsync(call, AdminJson.Default.CollectRequest);
            var items = upkeep.Collect(request.DryRun);
            if (!request.DryRun && items.Count > 0) AdminLog.Collected(logger, items.Count, items.Sum(static item => item.SizeBytes));
            await JsonResponse.WriteAsync(call.Http, new CollectReport(request.DryRun, items), AdminJson.Default.CollectReport);
        });
    }
}
