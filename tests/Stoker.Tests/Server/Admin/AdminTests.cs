using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Jobs;
using Stoker.Core.Models;
using Stoker.Core.Settings;
using Stoker.Server.Admin;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Admin;

public sealed class AdminTests : IAsyncLifetime
{
    private ServerHarness _harness = null!;

    public async ValueTask InitializeAsync() => _harness = await ServerHarness.StartAsync();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Routes_OverTcp_OnlyTheApiIsThere()
    {
        Assert.All(_harness.Server.Routes.Routes, static route =>
            Assert.Equal(route.Template.StartsWith("/admin", StringComparison.Ordinal), route.Exposure == Exposure.Socket));
        Assert.Equal(["/health"], _harness.Server.Routes.Routes.Where(static route => route.Exposure == Exposure.Public).Select(static route => route.Template));
        foreach (var route in _harness.Server.Routes.Routes.Where(static route => route.Exposure == Exposure.Socket))
        {
            using var request = new HttpRequestMessage(new HttpMethod(route.Method), route.Template.Replace("{id}", "1") + "?name=tiny");
            if (route.Method == "POST") request.Content = FrontHarness.Json("{}");
            var (status, code, _, _) = await (await _harness.Tcp.SendAsync(request)).ErrorAsync();
            Assert.Equal((404, "unknown_route"), (status, code));
        }
    }

    [Fact]
    public async Task VersionAndStatus_TellWhoAnswers()
    {
        var version = await GetAsync(AdminRoutes.Version, AdminJson.Default.VersionReport);
        Assert.Equal((ProgramVersion.Current, Environment.ProcessId), (version.Version, version.Pid));
        var status = await GetAsync(AdminRoutes.Status, AdminJson.Default.StatusReport);
        Assert.Equal(_harness.Server.Url, Assert.Single(status.Urls));
        Assert.Equal((_harness.Paths.Home, _harness.Paths.Socket, 3, 1), (status.Home, status.SocketPath, status.InstalledModels, status.LoadedModels));
        Assert.True(status is { RssAnonBytes: > 0, FreeBytes: > 0 } && status.RssBytes > status.RssAnonBytes);
    }

    [Fact]
    public async Task Pull_FromAHub_IsAJobThenAModelThenGone()
    {
        var files = _harness.Model("small.gguf", parts: 2);
        _harness.Hub.Publisher.HuggingFace("org/small", files.Select(static path => (Path.GetFileName(path).Replace("small", "small-Q4_0"), path)));
        var job = await PullAsync("hf:org/small:Q4_0");
        var states = await WatchAsync(job.Id);
        var end = states[^1];
        Assert.True(end.State == JobState.Done, end.Failure?.Message);
        Assert.Contains(end.Progress, static item => item is { Stage: Stoker.Core.Progress.Stage.Fetch, IsDone: true });

        var listed = (await GetAsync(AdminRoutes.Models, AdminJson.Default.ModelList)).Models.First(model => model.Name == end.Result);
        Assert.Equal((2, files.Sum(static path => new FileInfo(path).Length), false), (listed.Files, listed.SizeBytes, listed.Loaded));
        var shown = await GetAsync(AdminRoutes.ModelShowOf(end.Result!), AdminJson.Default.ModelReport);
        Assert.Null(shown.Problem);
        Assert.NotNull(shown.Architecture);
        Assert.True(shown is { Parameters: > 0, ContextTokens: > 0, Layers: > 0, VocabularySize: > 0, Tensors: > 0 });
        Assert.All(shown.Files, static file => Assert.True(file.Digest!.StartsWith("sha256:", StringComparison.Ordinal) && File.Exists(file.Path)));
        Assert.Contains("stoker_jobs{kind=\"pull\",state=\"Done\"} 1", await _harness.Unix.GetStringAsync("/metrics"), StringComparison.Ordinal);

        var removed = await (await _harness.Unix.DeleteAsync(AdminRoutes.ModelRemoveOf(end.Result!))).JsonAsync();
        Assert.Equal(listed.SizeBytes, removed.GetProperty("freedBytes").GetInt64());
        foreach (var path in (string[])[AdminRoutes.ModelShowOf(end.Result!), AdminRoutes.ModelShowOf("nope")])
            Assert.Equal(404, (await (await _harness.Unix.GetAsync(path)).ErrorAsync()).Status);
        Assert.Equal(404, (await (await _harness.Unix.DeleteAsync(AdminRoutes.ModelRemoveOf(end.Result!))).ErrorAsync()).Status);
    }

    [Fact]
    public async Task Pull_TwoOfOneReference_ShareAJobAndCancelEndsIt()
    {
        var gate = new HubGate(10_000);
        _harness.Hub.Publisher.HuggingFace("org/big", ("big-Q4_0.gguf", _harness.Model("big.gguf")[0]));
        _harness.Hub.Faults.Add(new HubFault { Path = "/lfs/", Gate = gate });
        var first = await PullAsync("hf:org/big");
        await gate.Reached.WaitAsync(TimeSpan.FromMinutes(1));
        var second = await PullAsync("org/big");
        Assert.Equal(first.Id, second.Id);
        var otherRights = await PostAsync(AdminRoutes.Pull, new PullRequest { Reference = "hf:org/big", Access = _harness.Access with { NoProxy = "other.example" } });
        Assert.NotEqual(first.Id, otherRights.Id);

        foreach (var id in (string[])[first.Id, otherRights.Id])
        {
            (await _harness.Unix.PostAsync(AdminRoutes.JobCancelOf(id), null)).EnsureSuccessStatusCode();
            Assert.Equal(JobState.Cancelled, (await WatchAsync(id))[^1].State);
        }
        Assert.Equal(2, (await GetAsync(AdminRoutes.Jobs, AdminJson.Default.JobList)).Jobs.Count);
        gate.Open();
    }

    [Fact]
    public async Task Pull_OfNothing_FailsWithWhatAndWhy()
    {
        var end = (await WatchAsync((await PullAsync("hf:org/none")).Id))[^1];
        Assert.Equal((JobState.Failed, ErrorKind.NotFound), (end.State, end.Failure!.Kind));
    }

    [Theory]
    [InlineData("{}", "reference")]
    [InlineData("{\"reference\":7}", "$.reference")]
    [InlineData("{\"reference\":\"hf:../../etc\"}", "")]
    [InlineData("{\"reference\":\"hf:org/repo\",\"source\":\"ftp\"}", "source")]
    [InlineData("{\"reference\":\"hf:org/repo\",\"access\":{\"huggingFaceEndpoint\":\"http://10.0.0.1/\"}}", "HF_ENDPOINT")]
    [InlineData("{\"reference\":\"hf:org/repo\",\"digest\":\"md5:1\"}", "digest")]
    public async Task Pull_ThatMeansNothing_Is400AndNoJob(string body, string said)
    {
        var response = await _harness.Unix.PostAsync(AdminRoutes.Pull, FrontHarness.Json(body));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(said, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty((await GetAsync(AdminRoutes.Jobs, AdminJson.Default.JobList)).Jobs);
    }

    [Fact]
    public async Task Secrets_OfAPull_AreSeenNowhereAfterwards()
    {
        _harness.Hub.Publisher.HuggingFace("org/small", ("small-Q4_0.gguf", _harness.Model("small.gguf")[0]));
        await WatchAsync((await PullAsync("hf:org/small")).Id);
        await WatchAsync((await PullAsync("hf:org/none")).Id);
        foreach (var path in (string[])[AdminRoutes.Jobs, AdminRoutes.Status, AdminRoutes.Config, AdminRoutes.Models, "/metrics"])
            Assert.DoesNotContain(ServerHarness.Token, await _harness.Unix.GetStringAsync(path), StringComparison.Ordinal);
        await AssertNowhereAsync(ServerHarness.Token);
    }

    [Fact]
    public async Task Signature_OfAPulledAddress_IsSeenNowhere()
    {
        const string query = "?X-Amz-Signature=SECRET123&token=SECRET123&mykey=SECRET123";
        var gate = new HubGate(10_000);
        _harness.Hub.Publisher.Plain("big.gguf", _harness.Model("big.gguf")[0]);
        _harness.Hub.Faults.Add(new HubFault { Path = "/files/big.gguf", Gate = gate });
        var job = await PullAsync($"{_harness.Hub.Url}files/big.gguf{query}");
        await gate.Reached.WaitAsync(TimeSpan.FromMinutes(1));
        await AssertNowhereAsync("SECRET123"); // partial file and journal
        gate.Open();
        var end = (await WatchAsync(job.Id))[^1];
        Assert.True(end.State == JobState.Done, end.Failure?.Message);
        Assert.Equal(JobState.Failed, (await WatchAsync((await PullAsync($"{_harness.Hub.Url}files/none.gguf{query}")).Id))[^1].State);
        Assert.NotEmpty(Directory.EnumerateFiles(Path.Combine(_harness.Paths.Home, "manifests"), "*.json", SearchOption.AllDirectories));
        await AssertNowhereAsync("SECRET123");
        foreach (var path in (string[])[AdminRoutes.Jobs, AdminRoutes.Models, AdminRoutes.ModelShowOf(end.Result!)])
            Assert.DoesNotContain("SECRET123", await _harness.Unix.GetStringAsync(path), StringComparison.Ordinal);
    }

    [Fact]
    public void KeyOf_SameRights_IsEqualAndHoldsNoToken()
    {
        var request = new PullRequest { Reference = "hf:a/b", Access = new() { HuggingFaceToken = "hf_one" } };
        string Key(PullRequest asked, CallerTrust trust = CallerTrust.Owner) => PullEndpoint.KeyOf(asked, ModelReference.Parse(asked.Reference, ReferencePlaces.Nowhere), trust);
        Assert.Equal(Key(request), Key(request with { Reference = "a/b", Access = new() { HuggingFaceToken = "hf_one" } }));
        Assert.NotEqual(Key(request), Key(request with { Access = new() { HuggingFaceToken = "hf_two" } }));
        Assert.NotEqual(Key(request), Key(request with { Reference = "hf:a/c" }));
        Assert.NotEqual(Key(request), Key(request, CallerTrust.Group));
        Assert.DoesNotContain("hf_one", Key(request), StringComparison.Ordinal);
    }

    private async Task AssertNowhereAsync(string secret)
    {
        Assert.DoesNotContain(secret, _harness.Log, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_harness.Paths.Home, "*", SearchOption.AllDirectories).Where(static file => new FileInfo(file).Length < 1 << 20 && Path.GetExtension(file) is not (".sock" or ".lock")))
            Assert.DoesNotContain(secret, await File.ReadAllTextAsync(file), StringComparison.Ordinal);
    }

    [Fact]
    public void AccessOf_Group_MayNameNoPlace()
    {
        var options = new StokerOptions { Home = "/h" };
        foreach (var access in (PullAccess[])[new() { HuggingFaceEndpoint = "https://hub.example" }, new() { OllamaRegistry = "https://hub.example" }, new() { Proxy = "http://p:1" }, new() { CaFile = "/etc/shadow" }])
        {
            var request = new PullRequest { Reference = "hf:a/b", Access = access };
            Assert.Equal(ErrorKind.Forbidden, Assert.Throws<StokerException>(() => PullAccessMapping.AccessOf(request, CallerTrust.Group, options)).Kind);
            Assert.Equal(CallerTrust.Owner, PullAccessMapping.AccessOf(request, CallerTrust.Owner, options).Trust);
        }
        var plain = PullAccessMapping.AccessOf(new PullRequest { Reference = "hf:a/b", Source = "ollama", Access = new() { HuggingFaceToken = "t", Offline = true } }, CallerTrust.Group, options);
        Assert.Equal((CallerTrust.Group, "t", true), (plain.Trust, plain.HuggingFaceToken!, plain.Offline));
        Assert.Equal([ModelSourceKind.Ollama], plain.SourceOrder);
    }

    [Fact]
    public async Task Job_Unknown_Is404()
    {
        foreach (var path in (string[])[AdminRoutes.JobOf("77"), AdminRoutes.JobEventsOf("77")])
            Assert.Equal(404, (await (await _harness.Unix.GetAsync(path)).ErrorAsync()).Status);
        Assert.Equal(404, (await (await _harness.Unix.PostAsync(AdminRoutes.JobCancelOf("../x"), null)).ErrorAsync()).Status);
    }

    [Fact]
    public async Task PsAndUnload_AskTheEngine()
    {
        var loaded = Assert.Single((await GetAsync(AdminRoutes.Loaded, AdminJson.Default.LoadedList)).Models);
        Assert.Equal(("tiny", 3), (loaded.Name, loaded.Requests));
        var unload = await (await _harness.Unix.PostAsync(AdminRoutes.Unload, FrontHarness.Json("{\"model\":\"tiny\"}"))).JsonAsync();
        Assert.True(unload.GetProperty("unloaded").GetBoolean());
        Assert.Equal("tiny", _harness.Engine.Unloaded);
        await _harness.Unix.PostAsync(AdminRoutes.Unload, FrontHarness.Json("{}"));
        Assert.Equal("*", _harness.Engine.Unloaded);
        var ended = await (await _harness.Unix.PostAsync(AdminRoutes.Unload, FrontHarness.Json("{\"model\":\"tiny\",\"now\":true}"))).JsonAsync();
        Assert.Equal(("tiny now", 1), (_harness.Engine.Unloaded, ended.GetProperty("ended").GetInt32()));
    }

    [Fact]
    public async Task Config_ShowsEverySettingAndNoSecret()
    {
        await using var harness = await ServerHarness.StartAsync(change: static options => options with { ApiKeys = ["key-of-twenty-letters"] });
        var response = await harness.Unix.GetStringAsync(AdminRoutes.Config);
        Assert.DoesNotContain("key-of-twenty", response, StringComparison.Ordinal);
        var report = JsonSerializer.Deserialize(response, AdminJson.Default.ConfigReport)!;
        Assert.Equal(SettingNames.All.Select(static setting => setting.Key), report.Entries.Select(static entry => entry.Name));
        Assert.Equal("(set)", report.Entries.Single(static entry => entry.Name == SettingNames.ApiKeys.Key).Value);
        Assert.DoesNotContain("key-of-twenty", harness.Log, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await harness.Tcp.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task Health_OfAGoodHome_IsOkAndLoadsTheLibrary()
    {
        var health = await GetAsync(AdminRoutes.Health, AdminJson.Default.HealthReport);
        Assert.True(health.Ok, string.Join('\n', health.Checks));
        Assert.Contains(health.Checks, static check => check is { Name: "runner", State: HealthState.Ok });
    }

    [Fact]
    public async Task Health_WithADamagedManifest_SaysSo()
    {
        await using var harness = await ServerHarness.StartAsync(prepare: static paths =>
        {
            var folder = Directory.CreateDirectory(Path.Combine(paths.Manifests, "huggingface", "org")).FullName;
            File.WriteAllText(Path.Combine(folder, "torn.json"), "{\"na");
        });
        var health = (await (await harness.Unix.GetAsync(AdminRoutes.Health)).JsonAsync()).Deserialize(AdminJson.Default.HealthReport)!;
        Assert.False(health.Ok);
        Assert.Contains(health.Checks, static check => check is { Name: "manifest", State: HealthState.Failed });
    }

    [Fact]
    public async Task Logs_TailAndFollow()
    {
        await File.WriteAllLinesAsync(_harness.Paths.DaemonLog, Enumerable.Range(0, 1000).Select(static i => $"line {i}"));
        Assert.Equal("line 998\nline 999\n", await _harness.Unix.GetStringAsync(AdminRoutes.Logs + "?lines=2"));
        Assert.Equal("", await _harness.Unix.GetStringAsync(AdminRoutes.Logs + "?lines=0"));
        Assert.Equal("", await _harness.Unix.GetStringAsync(AdminRoutes.Logs + "?source=runner"));
        foreach (var wrong in (string[])["?lines=-1", "?lines=x", "?source=/etc/passwd"])
            Assert.Equal(400, (await (await _harness.Unix.GetAsync(AdminRoutes.Logs + wrong)).ErrorAsync()).Status);

        using var response = await _harness.Unix.GetAsync(AdminRoutes.Logs + "?lines=1&follow=true", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("line 999", await reader.ReadLineAsync());
        await File.AppendAllTextAsync(_harness.Paths.DaemonLog, "new ");
        await File.AppendAllTextAsync(_harness.Paths.DaemonLog, "line\n");
        Assert.Equal("new line", await reader.ReadLineAsync());
        await File.WriteAllTextAsync(_harness.Paths.DaemonLog, "begun anew\n");
        Assert.Equal("begun anew", await reader.ReadLineAsync());
    }

    [Fact]
    public async Task Shutdown_AnswersThenAsksForTheEnd()
    {
        var response = await _harness.Unix.PostAsync(AdminRoutes.Shutdown, null);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        await _harness.Server.ShutdownRequested.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private async Task<JobSnapshot> PullAsync(string reference) => await PostAsync(AdminRoutes.Pull, new PullRequest { Reference = reference, Access = _harness.Access });

    private async Task<JobSnapshot> PostAsync(string route, PullRequest request)
    {
        var response = await _harness.Unix.PostAsync(route, FrontHarness.Json(JsonSerializer.Serialize(request, AdminJson.Default.PullRequest)));
        return (await response.JsonAsync()).Deserialize(AdminJson.Default.JobSnapshot)!;
    }

    private async Task<T> GetAsync<T>(string route, JsonTypeInfo<T> type) => (await (await _harness.Unix.GetAsync(route)).JsonAsync()).Deserialize(type)!;

    private async Task<List<JobSnapshot>> WatchAsync(string id)
    {
        var events = Answers.Events(await _harness.Unix.GetStringAsync(AdminRoutes.JobEventsOf(id)));
        Assert.All(events, static item => Assert.Equal("job", item.Name));
        return [.. events.Select(static item => JsonSerializer.Deserialize(item.Data, AdminJson.Default.JobSnapshot)!)];
    }
}
