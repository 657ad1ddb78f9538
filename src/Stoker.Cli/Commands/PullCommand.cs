using System.CommandLine;
using Stoker.Cli.Client;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker pull</c>: fetches models as jobs of the daemon and shows their progress.</summary>
public static class PullCommand
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var models = ModelArgument.AnyNumber(global, "What to fetch: qwen2.5:0.5b, hf:org/repo:Q8_0, ollama:name, https://…");
        var source = SourceOption();
        var background = new Option<bool>("--detach", "-d") { Description = "Start the jobs and return; `stoker jobs` shows them." };
        var include = new Option<string[]>("--include") { Description = "Only these files of a repository, e.g. '*.safetensors'; it is kept whole.", HelpName = "pattern" };
        var exclude = new Option<string[]>("--exclude") { Description = "Not these files of a repository.", HelpName = "pattern" };
        var all = new Option<bool>("--all") { Description = "Every model that was pulled: update what changed." };
        var sha256 = new Option<string?>("--sha256") { Description = "What the model's one file must be: 64 hex digits.", HelpName = "digest" };
        var mirror = new Option<string[]>("--mirror") { Description = "Another place with the same file, or with a slash at its end the folder of the files.", HelpName = "address" };
        var limit = new Option<string?>("--limit-rate") { Description = "At most so many bytes a second for each model, e.g. 20MB.", HelpName = "rate" };
        var revalidate = FetchCommand.RevalidateOption();
        var json = new Option<bool>("--json") { Description = "Progress for programs: a line of JSON for each change, the last ones final." };
        var command = new Command("pull", "Fetch models and verify them.") { models, all, source, include, exclude, sha256, mirror, limit, revalidate, background, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            using var client = await global.ConnectAsync(parsed, interrupts.Token);
            var wish = new PullRequest
            {
                Reference = "",
                Source = parsed.GetValue(source),
                Include = parsed.GetValue(include),
                Exclude = parsed.GetValue(exclude),
                Digest = parsed.GetValue(sha256) is { } digest ? FetchCommand.DigestOf(digest).ToString() : null,
                Mirrors = parsed.GetValue(mirror),
                MaxRate = parsed.GetValue(limit) is { } rate ? FetchCommand.RateOf(rate) : null,
                SkipRevalidation = parsed.GetValue(revalidate) == "never",
            };
            var pull = new PullFlow(context, client, wish) { AsJson = parsed.GetValue(json) };
            var named = parsed.GetValue(models) ?? [];
            if (named.Length > 0 == parsed.GetValue(all)) throw new StokerException(ErrorKind.InvalidInput, "Say which models to fetch, or --all to update those that are installed.");
            var requests = parsed.GetValue(all) ? await pull.InstalledAsync(interrupts.Token) : [.. named.Distinct().Select(pull.RequestOf)];
            return await pull.RunAsync(requests, parsed.GetValue(background), interrupts.Token);
        }));
        return command;
    }

    public static Option<string?> SourceOption()
    {
        var source = new Option<string?>("--source") { Description = "Where short names are looked for, instead of the configured order.", HelpName = "huggingface|ollama" };
        source.AcceptOnlyFromAmong("huggingface", "ollama");
        return source;
    }
}

/// <summary>Starts pulls and watches them to their end.</summary>
/// <param name="context">The command's surroundings.</param>
/// <param name="client">The daemon.</param>
/// <param name="wish">What all of them have in common; each gets its own reference and the caller's access.</param>
public sealed class PullFlow(CliContext context, DaemonClient client, PullRequest wish)
{
    /// <summary>Each change as a line of JSON on standard output, and no pictures.</summary>
    public bool AsJson { get; init; }

    /// <summary>What asks for one model.</summary>
    public PullRequest RequestOf(string reference) => wish with
    {
        Reference = ModelArgument.Absolute(reference, context.Environment),
        Access = AccessOf(CallerEnvironment.Read(context.Environment)),
    };

    /// <summary>What asks for every pulled model again, with the patterns it was pulled with.</summary>
    public async Task<IReadOnlyList<PullRequest>> InstalledAsync(CancellationToken cancellationToken)
    {
        var installed = (await client.ModelsAsync(cancellationToken)).Models.Where(static model => model.Source is not (ModelSourceKind.File or ModelSourceKind.Builtin)).ToList();
        var signed = installed.Where(static model => model.Source == ModelSourceKind.Url && model.Name.Contains('?', StringComparison.Ordinal)).ToList();
        foreach (var model in signed) context.Console.Note($"{Printable.Short(model.Name)} is left out: its address had a query, which is not kept.");
        return [.. installed.Except(signed).Select(model => RequestOf(model.Name) with { Include = model.Selection?.Include ?? wish.Include, Exclude = model.Selection?.Exclude ?? wish.Exclude })];
    }

    /// <summary>Fetches all, at once; the exit code is that of the first that failed.</summary>
    public async Task<int> RunAsync(IReadOnlyList<PullRequest> requests, bool detach, CancellationToken cancellationToken)
    {
        var jobs = new List<JobSnapshot>();
        foreach (var request in requests) jobs.Add(await client.PullAsync(request, cancellationToken));
        if (detach)
        {
            foreach (var job in jobs) context.Console.Out.WriteLine($"{job.Id}  {Printable.Short(job.Title)}");
            return ExitCodes.Ok;
        }
        var ended = await WatchAsync(jobs, cancellationToken);
        foreach (var job in ended)
        {
            foreach (var note in job.Progress.Where(static report => report.Note is not (null or StageProgress.AlreadyHere or StageProgress.Unchanged) && report.Stage == Stage.Fetch).Select(static report => report.Note!).Distinct())
                context.Console.Note($"{Printable.Short(job.Title)}: {Printable.Short(note, 400)}");
        }
        foreach (var job in ended.Where(static job => job.Failure is not null)) context.Console.Note($"stoker: {JobLine.WhyFailed(job)}");
        return ended.Select(CodeOf).FirstOrDefault(static code => code != ExitCodes.Ok);
    }

    /// <summary>Fetches one and gives its final state. A failure is its exception.</summary>
    public async Task<JobSnapshot> FetchAsync(string reference, CancellationToken cancellationToken)
    {
        var ended = (await WatchAsync([await client.PullAsync(RequestOf(reference), cancellationToken)], cancellationToken))[0];
        if (ended.Failure is { } failure) throw new StokerException(failure.Kind, failure.Message);
        if (ended.State == JobState.Cancelled) throw new StokerException(ErrorKind.Cancelled, $"The job that fetches {Printable.Short(reference)} was cancelled.");
        return ended;
    }

    private async Task<IReadOnlyList<JobSnapshot>> WatchAsync(IReadOnlyList<JobSnapshot> jobs, CancellationToken cancellationToken)
    {
        var view = new JobView(context.Console, context.Time);
        foreach (var job in jobs) view.Add(job);
        using var oneAtATime = new SemaphoreSlim(1);
        try
        {
            return await Task.WhenAll(jobs.Select(job => WatchAsync(job, view, oneAtATime, cancellationToken)));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            var ids = string.Join(' ', jobs.Select(static job => job.Id));
            context.Console.Note($"The download goes on in the background. See it: stoker jobs   End it: stoker cancel {ids}");
            throw;
        }
    }

    private async Task<JobSnapshot> WatchAsync(JobSnapshot job, JobView view, SemaphoreSlim oneAtATime, CancellationToken cancellationToken)
    {
        var last = job;
        await foreach (var snapshot in client.WatchJobAsync(job.Id, cancellationToken))
        {
            last = snapshot;
            await oneAtATime.WaitAsync(cancellationToken);
            try
            {
                if (AsJson) JsonOutput.WriteLine(context.Console, snapshot, static known => known.JobSnapshot);
                else view.Update(snapshot);
            }
            finally
            {
                oneAtATime.Release();
            }
        }
        return last;
    }

    private static int CodeOf(JobSnapshot job) => job.State switch
    {
        JobState.Done => ExitCodes.Ok,
        JobState.Cancelled => ExitCodes.Interrupted,
        _ => ExitCodes.Of(job.Failure?.Kind ?? ErrorKind.Internal),
    };

    private static PullAccess AccessOf(CallerEnvironment caller) => new()
    {
        HuggingFaceToken = caller.HuggingFaceToken,
        HuggingFaceEndpoint = caller.HuggingFaceEndpoint,
        OllamaRegistry = caller.OllamaRegistry,
        OllamaModels = caller.OllamaModels,
        HuggingFaceCache = caller.HuggingFaceCache,
        S3 = caller.S3,
        Proxy = caller.Proxy,
        NoProxy = caller.NoProxy,
        CaFile = caller.CaFile,
        Offline = caller.Offline,
    };
}
