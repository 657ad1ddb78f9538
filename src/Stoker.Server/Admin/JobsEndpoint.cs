using Stoker.Core.Jobs;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Server.Admin;

/// <summary>Jobs: list, look, watch, pause, resume, cancel.</summary>
public sealed class JobsEndpoint(JobTable jobs)
{
    public void Map(RouteTable routes)
    {
        routes.Add("GET", AdminRoutes.Jobs, Exposure.Socket, call =>
            JsonResponse.WriteAsync(call.Http, new JobList(jobs.List()), AdminJson.Default.JobList));
        routes.Add("GET", AdminRoutes.Job, Exposure.Socket, call => WriteAsync(call, jobs.Get(call.RouteValue!)));
        routes.Add("POST", AdminRoutes.JobCancel, Exposure.Socket, call => WriteAsync(call, jobs.Cancel(call.RouteValue!)));
        routes.Add("POST", AdminRoutes.JobPause, Exposure.Socket, call => WriteAsync(call, jobs.Pause(call.RouteValue!)));
        routes.Add("POST", AdminRoutes.JobResume, Exposure.Socket, call => WriteAsync(call, jobs.Resume(call.RouteValue!)));
        routes.Add("GET", AdminRoutes.JobEvents, Exposure.Socket, WatchAsync);
    }

    private static Task WriteAsync(HttpCall call, JobSnapshot? job) =>
        JsonResponse.WriteAsync(call.Http, job ?? throw JobTable.NoSuchJob(call.RouteValue!), AdminJson.Default.JobSnapshot);

    /// <summary>A watcher that leaves does not cancel the job; one that is slow sees fewer states, and always the last.</summary>
    private async Task WatchAsync(HttpCall call)
    {
        var sse = new SseWriter(call.Http);
        await foreach (var job in jobs.SubscribeAsync(call.RouteValue!, call.Aborted))
            await sse.WriteAsync(job, AdminJson.Default.JobSnapshot, "job");
    }
}
