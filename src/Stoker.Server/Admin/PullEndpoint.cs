using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;
using Stoker.Supply;
using Stoker.Supply.Sources;

namespace Stoker.Server.Admin;

/// <summary>
/// Starts pulls. A pull that runs already, of the same reference with the same access, is joined. What the caller sent of tokens,
/// endpoints and proxy lives in the job's closure and nowhere else.
/// </summary>
public sealed class PullEndpoint
{
    private readonly JobTable _jobs;
    private readonly ModelSupply _supply;
    private readonly StokerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MetricCounter _fetchedBytes;

    public PullEndpoint(JobTable jobs, ModelSupply supply, StokerOptions options, MetricRegistry registry, TimeProvider time, ILogger logger)
    {
        _jobs = jobs;
        _supply = supply;
        _options = options;
        _time = time;
        _logger = logger;
        _fetchedBytes = registry.Counter("stoker_fetched_bytes_total", "Bytes that pulls fetched from origins.");
        registry.Gauge("stoker_jobs", "Jobs by what they do and where they stand.", () => jobs.List()
            .GroupBy(static job => (job.Kind, job.State))
            .Select(static group => (MetricRegistry.Labels(["kind", "state"], [group.Key.Kind, group.Key.State.ToString()]), (double)group.Count())));
    }

    public void Map(RouteTable routes) => routes.Add("POST", AdminRoutes.Pull, Exposure.Socket, StartAsync);

    private async Task StartAsync(HttpCall call)
    {
        var request = await RequestBody.ReadAsync(call, AdminJson.Default.PullRequest);
        var reference = ModelReference.Parse(request.Reference, ReferencePlaces.Nowhere);
        var access = PullAccessMapping.AccessOf(request, call.Trust, _options);
        if (request.MaxRate is < 1024) throw new RequestException(ErrorKind.InvalidInput, "A rate is at least 1 KiB a second.", "maxRate");
        if (request.MaxRate is { } rate) access = access with { Rate = new TokenBucket(rate, _time, _supply.Rate) };
        var options = PullAccessMapping.OptionsOf(request);
        if (reference is FileReference && call.Trust != CallerTrust.Owner)
            throw new StokerException(ErrorKind.Forbidden, "Only the daemon's own user and root may name files.");
        var job = _jobs.Start("pull", reference.ToString(), context => PullAsync(context, reference, access, options), KeyOf(request, reference, call.Trust));
        await JsonResponse.WriteAsync(call.Http, job, AdminJson.Default.JobSnapshot, status: 202);
    }

    private async Task PullAsync(JobContext context, ModelReference reference, SourceAccess access, PullOptions options)
    {
        AdminLog.PullBegan(_logger, context.Id, reference.ToString());
        var counted = new CountedFetch(context.Progress, _fetchedBytes);
        try
        {
            var manifest = await _supply.PullAsync(reference, access, options, counted, context.CancellationToken);
            context.SetResult(manifest.Name);
            AdminLog.Pulled(_logger, context.Id, manifest.Name, counted.Bytes);
        }
        catch (StokerException exception) when (exception.Kind != ErrorKind.Cancelled)
        {
            AdminLog.PullFailed(_logger, context.Id, exception.Kind.ToString(), exception.Message);
            throw;
        }
    }

    /// <summary>
    /// Equal keys mean the same work: the same bytes, asked for with the same rights. A digest, since the table remembers keys longer
    /// than a job may remember its token.
    /// </summary>
    public static string KeyOf(PullRequest request, ModelReference reference, CallerTrust trust) =>
        $"{trust}:{Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request with { Reference = reference.Canonical }, AdminJson.Default.PullRequest)))}";

    /// <summary>Passes progress on and counts what is fetched: each file's bytes beyond those it began with.</summary>
    private sealed class CountedFetch(IProgress<StageProgress> next, MetricCounter counter) : IProgress<StageProgress>
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, long> _done = [];

        public long Bytes { get; private set; }

        public void Report(StageProgress value)
        {
            if (value is { Stage: Stage.Fetch, Item: { } file, IsLocal: false })
            {
                lock (_gate)
                {
                    var more = _done.TryGetValue(file, out var before) ? Math.Max(0, value.DoneBytes - before) : 0;
                    _done[file] = value.DoneBytes;
                    Bytes += more;
                    if (more > 0) counter.Add(more);
                }
            }
            next.Report(value);
        }
    }
}
