using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

public sealed class HttpFrontTests
{
    private const string Key = "key-of-twenty-letters";

    [Fact]
    public async Task Trust_FollowsTheTransport()
    {
        var seen = new List<CallerTrust>();
        await using var server = await FrontHarness.StartAsync(map: routes => routes.Add("GET", "/who", Exposure.Api, call =>
        {
            seen.Add(call.Trust);
            return Task.CompletedTask;
        }));
        await server.Tcp.GetAsync("/who");
        await server.Unix.GetAsync("/who");
        Assert.Equal([CallerTrust.Network, CallerTrust.Owner], seen);
    }

    [Theory]
    [InlineData(0, 1000, CallerTrust.Owner)]
    [InlineData(1000, 1000, CallerTrust.Owner)]
    [InlineData(1001, 1000, CallerTrust.Group)]
    [InlineData(1001, 0, CallerTrust.Group)]
    public void CallerFeature_Table(uint peer, uint own, CallerTrust trust) => Assert.Equal(trust, CallerFeature.Decide(peer, own));

    [Fact]
    public async Task Unix_SocketAndFolder_AreTheOwnersAlone()
    {
        await using var server = await FrontHarness.StartAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(server.SocketPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(server.SocketPath)!));
    }

    [Fact]
    public async Task Unix_PathLeftByADeadDaemon_IsTakenOver()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "left.sock");
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await File.WriteAllTextAsync(path, "left");
        }
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var server = await FrontHarness.StartAsync(options => options with { SocketPath = path });
        Assert.Equal(HttpStatusCode.OK, (await server.Unix.GetAsync("/health")).StatusCode);
    }

    [Fact]
    public async Task Unix_FolderThatOthersMayWrite_IsRefused()
    {
        using var folder = new TempFolder();
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite);
        var exception = await Assert.ThrowsAsync<StokerException>(() => FrontHarness.StartAsync(options => options with { SocketPath = Path.Combine(folder.Path, "s.sock") }));
        Assert.Equal(ErrorKind.Forbidden, exception.Kind);
    }

    [Fact]
    public async Task Unix_PathThatIsTooLong_SaysSo()
    {
        var exception = await Assert.ThrowsAsync<StokerException>(() => FrontHarness.StartAsync(options => options with { SocketPath = "/tmp/" + new string('x', 120) }));
        Assert.Equal(ErrorKind.InvalidInput, exception.Kind);
        Assert.Contains("107", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tcp_AddressTaken_BackgroundServesItsSocketAloneAndSaysSo()
    {
        await using var first = await FrontHarness.StartAsync();
        await using var second = await FrontHarness.StartAsync(options => options with { Tcp = first.Address });
        Assert.Null(second.Front.TcpAddress);
        Assert.Contains("taken", second.Front.TcpProblem, StringComparison.Ordinal);
        Assert.Contains("taken", second.Log.Text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await second.Unix.GetAsync("/health")).StatusCode);

        var required = await Assert.ThrowsAsync<StokerException>(() => FrontHarness.StartAsync(options => options with { Tcp = first.Address, TcpRequired = true }));
        Assert.Equal(ErrorKind.Conflict, required.Kind);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    public async Task Start_AddressThatOthersReachWithoutAKey_IsRefused(string address)
    {
        var exception = await Assert.ThrowsAsync<StokerException>(() => FrontHarness.StartAsync(options => options with { Tcp = new IPEndPoint(IPAddress.Parse(address), 0) }));
        Assert.Equal(ErrorKind.InvalidInput, exception.Kind);
        Assert.Contains("key", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_AddressOfAnotherMachine_SaysWhatToDo()
    {
        var exception = await Assert.ThrowsAsync<StokerException>(() => FrontHarness.StartAsync(options => options with { Tcp = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0), ApiKeys = [Key] }));
        Assert.Equal(ErrorKind.InvalidInput, exception.Kind);
        Assert.Contains("--host", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.com", null, 403, "host_not_allowed")]
    [InlineData("127.0.0.1", "https://evil.com", 403, "origin_not_allowed")]
    [InlineData("127.0.0.1", "null", 403, "origin_not_allowed")]
    [InlineData("127.0.0.1", null, 200, null)]
    [InlineData("localhost", "http://localhost", 200, null)]
    [InlineData("models.example", "https://chat.example", 200, null)]
    public async Task Tcp_HostAndOrigin_AreChecked(string host, string? origin, int status, string? code)
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { AllowedHosts = ["models.example"], AllowedOrigins = ["https://chat.example"] });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Host = host;
        if (origin is not null) request.Headers.Add("Origin", origin);
        var response = await server.Tcp.SendAsync(request);
        Assert.Equal(status, (int)response.StatusCode);
        if (code is not null) Assert.Equal(code, (await response.ErrorAsync()).Code);
        Assert.Equal(status == 200 && origin is not null, response.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task Tcp_NoHostAtAll_IsRefused()
    {
        await using var server = await FrontHarness.StartAsync();
        Assert.StartsWith("HTTP/1.1 403", await server.RawAsync("GET /health HTTP/1.0\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400", await server.RawAsync("GET /health HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400", await server.RawAsync("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unix_HostDoesNotMatter()
    {
        await using var server = await FrontHarness.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Host = "anything";
        Assert.Equal(HttpStatusCode.OK, (await server.Unix.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Preflight_FromAnAllowedPage_IsAnsweredWithoutAKey()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { AllowedOrigins = ["https://chat.example"], ApiKeys = [Key] });
        async Task<HttpResponseMessage> AskAsync(string origin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/chat/completions");
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", "POST");
            return await server.Tcp.SendAsync(request);
        }
        var allowed = await AskAsync("https://chat.example");
        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Equal("https://chat.example", allowed.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Contains("authorization", allowed.Headers.GetValues("Access-Control-Allow-Headers").Single(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await AskAsync("https://evil.com")).StatusCode);
    }

    [Fact]
    public async Task Keys_OnceConfigured_EveryRouteButHealthNeedsOneOverTcp()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { ApiKeys = [Key] });
        foreach (var route in server.Routes.Routes)
        {
            using var request = new HttpRequestMessage(new HttpMethod(route.Method), route.Template.Replace("{*}", "x"));
            var response = await server.Tcp.SendAsync(request);
            Assert.Equal(route.Template == "/health" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, response.StatusCode);
            if (route.Template != "/health") Assert.Equal("invalid_api_key", (await response.ErrorAsync()).Code);
        }
        // What is not there is not told to strangers either.
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Tcp.GetAsync("/nothing")).StatusCode);

        server.Tcp.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        Assert.Equal(HttpStatusCode.OK, (await server.Tcp.GetAsync("/v1/models")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Tcp.GetAsync("/metrics")).StatusCode);
        server.Tcp.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key + "x");
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Tcp.GetAsync("/v1/models")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Unix.GetAsync("/v1/models")).StatusCode);
        Assert.DoesNotContain(Key, server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SocketRoutes_OverTcp_AreNotThere()
    {
        await using var server = await FrontHarness.StartAsync(map: static routes => routes.Add("POST", "/admin/shutdown", Exposure.Socket, static _ => Task.CompletedTask));
        foreach (var path in (string[])["/admin/shutdown", "/admin/shutdown/", "/%61dmin/shutdown", "/v1/../admin/shutdown", "/admin"])
        {
            var (status, code, _, _) = await (await server.Tcp.PostAsync(path, FrontHarness.Json("{}"))).ErrorAsync();
            Assert.Equal((404, "unknown_route"), (status, code));
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Unix.PostAsync("/admin/shutdown", null)).StatusCode);
    }

    [Fact]
    public async Task WrongRouteMethodOrContentType_IsAnEnvelope()
    {
        await using var server = await FrontHarness.StartAsync();
        Assert.Equal((404, "unknown_route"), Short(await server.Tcp.GetAsync("/v2/none")));
        var wrongMethod = await server.Tcp.GetAsync("/v1/chat/completions");
        Assert.Equal((405, "method_not_allowed"), Short(wrongMethod));
        Assert.Equal("POST", wrongMethod.Content.Headers.Allow.Single());
        Assert.Equal((415, "unsupported_media_type"), Short(await server.Tcp.PostAsync("/v1/chat/completions", new StringContent("{}", Encoding.UTF8, "text/plain"))));
        Assert.Equal((400, "invalid_json"), Short(await server.Tcp.PostAsync("/v1/chat/completions", FrontHarness.Json("{\"a\": \n  oops}"))));

        static (int, string?) Short(HttpResponseMessage response)
        {
            var (status, code, _, _) = response.ErrorAsync().GetAwaiter().GetResult();
            return (status, code);
        }
    }

    [Theory]
    [InlineData("{\"a\": \n  oops}", "line 2, byte 3")]
    [InlineData("{\"a\": 1", "line 1, byte")]
    [InlineData("{\"a\": NaN}", "line 1, byte 7")]
    [InlineData("{\"a\": 1, \"a\": 2}", "")]
    [InlineData("[1]", "object, not Array")]
    [InlineData("", "empty")]
    [InlineData("{} {}", "line 1")]
    public async Task Body_ThatIsNoJsonObject_SaysWhere(string body, string expected)
    {
        await using var server = await FrontHarness.StartAsync();
        using var content = FrontHarness.Json(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var (status, _, _, message) = await (await server.Tcp.PostAsync("/v1/completions", content)).ErrorAsync();
        Assert.Equal(400, status);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_TooDeep_IsRefused()
    {
        await using var server = await FrontHarness.StartAsync();
        var deep = "{\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}";
        Assert.Equal(400, (await (await server.Tcp.PostAsync("/v1/completions", FrontHarness.Json(deep))).ErrorAsync()).Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_OverTheLimit_Is413(bool chunked)
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { Limits = new HttpLimits { MaxBodyBytes = 100_000 } });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = FrontHarness.Json("{\"prompt\":\"" + new string('x', 200_000) + "\"}") };
        request.Headers.TransferEncodingChunked = chunked;
        request.Headers.ExpectContinue = true;
        var (status, code, _, message) = await (await server.Tcp.SendAsync(request)).ErrorAsync();
        Assert.Equal((413, "too_large"), (status, code));
        Assert.Contains("100000", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: -1")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6")]
    [InlineData("Content-Length: 99999999999999999999")]
    [InlineData("Content-Length: five")]
    [InlineData("Transfer-Encoding: nonsense")]
    public async Task Body_WithABadLength_Is400AndTheConnectionCloses(string header)
    {
        await using var server = await FrontHarness.StartAsync();
        var answer = await server.RawAsync($"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}\r\n\r\n", untilClosed: true);
        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_TooLong_Are431()
    {
        await using var server = await FrontHarness.StartAsync();
        var answer = await server.RawAsync($"GET /health HTTP/1.1\r\nHost: localhost\r\nX: {new string('x', 40_000)}\r\n\r\n", untilClosed: true);
        Assert.StartsWith("HTTP/1.1 431", answer, StringComparison.Ordinal);
        answer = await server.RawAsync($"GET /{new string('x', 10_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n", untilClosed: true);
        Assert.StartsWith("HTTP/1.1 414", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slow_HeadersThatNeverEnd_AreCutOff()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { Limits = new HttpLimits { HeaderTimeout = TimeSpan.FromSeconds(1) } });
        var answer = await server.RawAsync("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow", untilClosed: true);
        Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slow_BodyThatNeverComes_IsCutOff()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { Limits = new HttpLimits { RateGrace = TimeSpan.FromSeconds(1.1) } });
        var answer = await server.RawAsync("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", untilClosed: true);
        Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await server.Tcp.GetAsync("/health")).StatusCode);
    }

    [Fact]
    public async Task Connections_OverTheLimit_AreRefusedAndTheOthersServed()
    {
        await using var server = await FrontHarness.StartAsync(static options => options with { Limits = new HttpLimits { MaxConnections = 8 } });
        var idle = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 7; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(server.Address);
                idle.Add(client);
            }
            Assert.Equal(HttpStatusCode.OK, (await server.Tcp.GetAsync("/health")).StatusCode);
            using var over = new TcpClient();
            await over.ConnectAsync(server.Address);
            Assert.Equal(0, await over.GetStream().ReadAsync(new byte[1]));
            Assert.Equal(HttpStatusCode.OK, (await server.Tcp.GetAsync("/health")).StatusCode);
        }
        finally
        {
            foreach (var client in idle) client.Dispose();
        }
    }

    [Fact]
    public async Task Defect_InAnEndpoint_Is500WithoutItsWordsAndIsLogged()
    {
        await using var server = await FrontHarness.StartAsync(map: static routes => routes.Add("GET", "/broken", Exposure.Api, static _ => throw new FormatException("what nobody may see")));
        var (status, code, _, message) = await (await server.Tcp.GetAsync("/broken")).ErrorAsync();
        Assert.Equal((500, "internal_error"), (status, code));
        Assert.DoesNotContain("nobody", message, StringComparison.Ordinal);
        Assert.Contains("nobody", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Needs_OwnerRoute_IsForbiddenForLess()
    {
        await using var server = await FrontHarness.StartAsync(map: static routes => routes.Add("GET", "/own", Exposure.Api, static _ => Task.CompletedTask, CallerTrust.Owner));
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Tcp.GetAsync("/own")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Unix.GetAsync("/own")).StatusCode);
    }

    [Fact]
    public async Task Metrics_AfterRequests_CountThemByRouteNotByPath()
    {
        await using var server = await FrontHarness.StartAsync();
        for (var i = 0; i < 3; i++) await server.Tcp.GetAsync($"/invented/{i}");
        await server.Tcp.GetAsync("/v1/models/tiny");
        // A request is counted when its answer is over, which is a moment after the client has it.
        await Patience.UntilAsync(() => server.Metrics.AnsweredCount == 4, "requests were not counted");
        var response = await server.Tcp.GetAsync("/metrics");
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/plain", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("stoker_http_requests_total{route=\"(none)\",method=\"GET\",status=\"404\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("stoker_http_requests_total{route=\"/v1/models/{*}\",method=\"GET\",status=\"200\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("stoker_model_requests{model=\"tiny\"} 3\n", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), static line =>
            Assert.Matches(@"^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{.*\})? (\+Inf|-?[0-9.eE+-]+))$", line));
    }

    [Fact]
    public async Task Head_OfHealth_HasNoBody()
    {
        await using var server = await FrontHarness.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, "/health");
        var response = await server.Tcp.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }
}
