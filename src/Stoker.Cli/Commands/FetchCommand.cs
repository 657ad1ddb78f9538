using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Cli.Output;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Core.Progress;
using Stoker.Core.Settings;
using Stoker.Supply;
using Stoker.Supply.Blobs;
using Stoker.Supply.Fetch;
using Stoker.Supply.Sources;

namespace Stoker.Cli.Commands;

/// <summary><c>stoker fetch</c>: one file from an address to a path, through the store, without a daemon.</summary>
public static class FetchCommand
{
    public static Command Create(CliContext context, GlobalOptions global)
    {
        var url = new Option<string>("--url", "-u") { Description = "Where the file is.", HelpName = "address", Required = true };
        var output = new Option<string?>("--out", "-o") { Description = "Where it should lie; a symbolic link is followed and stays. Default: the address' last part, in this folder.", HelpName = "path" };
        var workers = new Option<int?>("--workers", "-w") { Description = "So many ranges at once; each may ask for its next one ahead. Default: as many as help, up to 16.", HelpName = "number" };
        workers.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 256) result.AddError("--workers is between 1 and 256.");
        });
        var sha256 = new Option<string?>("--sha256") { Description = "What the file must be: 64 hex digits. Without it the first content is trusted, and told.", HelpName = "digest" };
        var mirror = new Option<string[]>("--mirror") { Description = "Another place with the same bytes; they share the work. Needs --sha256.", HelpName = "address" };
        var limit = new Option<string?>("--limit-rate") { Description = "At most so many bytes a second, e.g. 20MB.", HelpName = "rate" };
        var own = new Option<bool>("--copy") { Description = "A file of its own that may be changed, not a link to the store's." };
        var revalidate = RevalidateOption();
        var json = new Option<bool>("--json") { Description = "The result as JSON." };
        var command = new Command("fetch", "Fetch one file in parallel, verify it, and put it where you want it.") { url, output, workers, sha256, mirror, limit, own, revalidate, json };
        command.SetAction((parsed, _) => CommandRoot.RunAsync(context, async interrupts =>
        {
            var addresses = parsed.GetValue(mirror)!.Prepend(parsed.GetValue(url)!).Select(AddressOf).ToList();
            var request = new FileRequest
            {
                Addresses = addresses,
                Digest = parsed.GetValue(sha256) is { } text ? DigestOf(text) : null,
                OutPath = Path.GetFullPath(parsed.GetValue(output) ?? NameOf(addresses[0])),
                Own = parsed.GetValue(own),
            };
            var paths = global.Paths(parsed);
            var settings = SettingsOf(context, global.Flags(parsed), paths);
            var options = new FetchOptions
            {
                Workers = parsed.GetValue(workers),
                Rate = new TokenBucket(parsed.GetValue(limit) is { } rate ? RateOf(rate) : null, context.Time, new TokenBucket(settings.FetchMaxRate, context.Time)),
                Connections = new SemaphoreSlim(settings.FetchMaxConnections),
                Revalidate = parsed.GetValue(revalidate) == "always",
                LeavesPageCache = true, // nobody says that the file will be read soon
            };
            var sources = new SourceOptions { Time = context.Time, Allow = AllowedPlaces.Parse(settings.FetchAllow) };
            return await RunAsync(context, new FileSupply(paths.Home, options, sources, settings.QuotaBytes), request, parsed.GetValue(json), interrupts.Token);
        }));
        return command;
    }

    // Reading settings takes longer than finding a file that is here already, and mostly there are none.
    internal static StokerOptions SettingsOf(CliContext context, IReadOnlyDictionary<string, IReadOnlyList<string>> flags, StokerPaths paths) =>
        File.Exists(paths.ConfigFile) || context.Environment.Keys.Any(static name => name.StartsWith("STOKER_FETCH_", StringComparison.Ordinal) || name.StartsWith("STOKER_STORE_", StringComparison.Ordinal))
            ? SettingsReader.Read(flags, context.Environment).Options
            : new StokerOptions { Home = paths.Home };

    private static async Task<int> RunAsync(CliContext context, FileSupply opened, FileRequest request, bool asJson, CancellationToken cancellationToken)
    {
        using var supply = opened;
        var access = SourceAccess.FromEnvironment(context.Environment.GetValueOrDefault);
        var began = context.Time.GetTimestamp();
        var line = new LiveLine(context.Console);
        var rate = new RateMeter(context.Time);
        var gate = new Lock();
        string? notes = null;
        void Show(FetchReport report)
        {
            lock (gate)
            {
                notes = report.Note ?? notes;
                var now = new StageProgress(Stage.Fetch, null, report.DoneBytes, report.TotalBytes, 0, IsDone: false) { BytesPerSecond = rate.Mark(report.DoneBytes) };
                line.Show(JobLine.Describe(now));
            }
        }
        FetchedFile file;
        try
        {
            file = await supply.FetchAsync(request, access, Show, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            context.Console.Note("Cancelled. What is here stays; the same command goes on from it.");
            throw;
        }
        finally
        {
            lock (gate) line.Clear();
        }
        var took = context.Time.GetElapsedTime(began);
        if (notes is not null) context.Console.Note($"note: {Printable.Short(notes, 400)}");
        if (request.Digest is null && !asJson) context.Console.Note($"Trusted as it came: {file.Digest}. With --sha256 {file.Digest.Hex} it is checked next time.");
        if (asJson)
        {
            var result = new FetchResult(file.Path, file.SizeBytes, file.Digest.ToString(), file.Way, took.TotalMilliseconds);
            context.Console.Out.WriteLine(JsonSerializer.Serialize(result, FetchJson.Default.FetchResult));
        }
        else
        {
            context.Console.Out.WriteLine($"{file.Path}  {Units.Bytes(file.SizeBytes)} in {Units.Duration(took)}, {Units.Rate(file.SizeBytes / Math.Max(took.TotalSeconds, 1e-3))}");
        }
        return ExitCodes.Ok;
    }

    /// <summary>An address as typed: <c>https://…</c>, plain http (to this machine, or with a digest), <c>s3://bucket/key</c>.</summary>
    public static Uri AddressOf(string text)
    {
        if (!text.Contains("://", StringComparison.Ordinal))
            throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(text)}' is not an address: expected https://… or s3://bucket/key (http:// to this machine, or with --sha256).");
        return ModelReference.Parse(text, ReferencePlaces.Nowhere) switch
        {
            UrlReference url => url.Address,
            S3Reference { IsPrefix: false } s3 => S3Address.Of(s3.Bucket, s3.Key),
            _ => throw new StokerException(ErrorKind.InvalidInput, $"'{Printable.Short(text.Split('?')[0])}' is not the address of a file: expected https://… or s3://bucket/key (http:// to this machine, or with --sha256)."),
        };
    }

    public static Option<string> RevalidateOption()
    {
        var revalidate = new Option<string>("--revalidate") { Description = "Whether an address that was fetched before is asked for changes.", HelpName = "always|never", DefaultValueFactory = static _ => "always" };
        revalidate.AcceptOnlyFromAmong("always", "never");
        return revalidate;
    }

    /// <summary>Bytes a second, as typed.</summary>
    public static long RateOf(string text)
    {
        try
        {
            var rate = SettingText.ParseSize(text.EndsWith("/s", StringComparison.OrdinalIgnoreCase) ? text[..^2] : text);
            return rate >= 1024 ? rate : throw new StokerException(ErrorKind.InvalidInput, $"--limit-rate {Printable.Short(text)} is less than 1 KiB a second.");
        }
        catch (FormatException wrong)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"--limit-rate: {wrong.Message}", wrong);
        }
    }

    public static Digest DigestOf(string text)
    {
        var lower = text.ToLowerInvariant();
        if (Digest.TryParse(lower, out var whole)) return whole.Value;
        return Digest.TryFromHex(lower, out var digest)
            ? digest.Value
            : throw new StokerException(ErrorKind.InvalidInput, $"--sha256 '{Printable.Short(text)}' is not 64 hex digits.");
    }

    private static string NameOf(Uri address)
    {
        var name = Uri.UnescapeDataString(address.Segments[^1]).Trim('/');
        return name.Length > 0 && SafeName.WhyNotRelativePath(name) is null && !name.Contains('/')
            ? name
            : throw new StokerException(ErrorKind.InvalidInput, "The address does not name a file: say where it should lie with --out.");
    }
}

/// <summary>What <c>stoker fetch --json</c> prints.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="Digest">sha256:…</param>
/// <param name="Way">How it came there.</param>
/// <param name="ElapsedMs">From start to end.</param>
public sealed record FetchResult(string Path, long SizeBytes, string Digest, ExportWay? Way, double ElapsedMs);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
[JsonSerializable(typeof(FetchResult))]
internal sealed partial class FetchJson : JsonSerializerContext;
