using System.Net;
using System.Net.Sockets;
using System.Text;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

/// <summary>Where requests may go, and what goes with them.</summary>
public sealed class SourceSessionTests
{
    [Theory]
    [InlineData("https://192.0.2.1/x")]
    [InlineData("https://some.example/x")]
    [InlineData("https://3221225985/x")]
    public async Task Get_OtherHostWhileOffline_IsRefused(string address)
    {
        using var session = Session(new SourceAccess { Offline = true }, static _ => IPAddress.Parse("192.0.2.1"));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri(address), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("STOKER_OFFLINE", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("0.0.0.0")]
    public async Task Get_NameOfAStrangerThatLeadsInside_IsRefusedByTheConnectedAddress(string inside)
    {
        using var session = Session(new SourceAccess { Trust = CallerTrust.Group }, _ => IPAddress.Parse(inside));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("https://innocent.example/x"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("innocent.example", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_NameThatChangesItsAnswer_IsJudgedAtEachConnection()
    {
        var answers = new Queue<string>(["192.0.2.1", "127.0.0.1"]);
        using var session = Session(new SourceAccess { Trust = CallerTrust.Group }, _ => IPAddress.Parse(answers.Dequeue()), connect: TimeSpan.FromSeconds(3)); // the first leads nowhere
        await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("https://flips.example/x"), null, null, CancellationToken.None));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("https://flips.example/x"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Empty(answers);
    }

    [Fact]
    public async Task Get_PlainHttpToAnotherHost_IsRefused()
    {
        using var session = Session(new SourceAccess(), static _ => IPAddress.Parse("192.0.2.1"));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("http://plain.example/x"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("plain http", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_RedirectFromPublicToInside_IsRefused()
    {
        // The owner's own hub is on loopback: it may hand on to loopback, and not to other private places.
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Plain("x", home.Model("m.gguf")[0]);
        home.Hub.Faults.Add(new HubFault { Path = "/files/x", RedirectTo = "https://10.0.0.1/metadata" });
        using var session = new SourceSession(home.Access with { Offline = false }, home.Sources);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri(home.Hub.Url + "files/x"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains("private", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_RedirectToAnotherOrigin_KeepsTheRangeAndDropsTheToken()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", home.Model("m.gguf")[0]));
        using var session = new SourceSession(home.Access with { HuggingFaceToken = "hf_fakehub_token" }, home.Sources);
        using var response = await session.GetAsync(
            new Uri(home.Hub.Url + "org/one/resolve/main/one-Q4_0.gguf"),
            static headers => headers.TryAddWithoutValidation("Range", "bytes=10-19"),
            null,
            CancellationToken.None);
        Assert.Equal(HttpStatusCode.PartialContent, response.Message.StatusCode);
        Assert.Collection(
            home.Hub.Stats.Requests,
            static first => Assert.True(first.HasAuthorization),
            static second => Assert.Equal((false, "bytes=10-19"), (second.HasAuthorization, second.Range)));
    }

    [Fact]
    public async Task Get_RedirectAwayAndBack_DoesNotBringTheTokenBack()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Plain("x", home.Model("m.gguf")[0]);
        home.Hub.Faults.Add(new HubFault { Path = "/files/away", RedirectTo = home.Hub.ContentUrl + "files/back" });
        home.Hub.Faults.Add(new HubFault { Path = "/files/back", RedirectTo = home.Hub.Url + "files/x" });
        using var session = new SourceSession(home.Access with { HuggingFaceToken = "hf_fakehub_token" }, home.Sources);
        using var response = await session.GetAsync(new Uri(home.Hub.Url + "files/away"), null, null, CancellationToken.None);
        Assert.Equal([true, false, false], home.Hub.Stats.Requests.Select(static request => request.HasAuthorization));
    }

    [Fact]
    public async Task Get_ThroughAProxy_AsksItForOtherHostsAndNeverForLoopback()
    {
        await using var home = await HubHome.StartAsync();
        home.Hub.Publisher.Plain("x", home.Model("m.gguf")[0]);
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var access = home.Access with { Offline = false, Proxy = SourceAccess.ParseProxy($"http://ann:pw@127.0.0.1:{((IPEndPoint)proxy.LocalEndpoint).Port}"), NoProxy = "direct.example" };
        using var session = new SourceSession(access, home.Sources with { ConnectTimeout = TimeSpan.FromSeconds(30), Resolve = static (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("192.0.2.1")]) });
        using (await session.GetAsync(new Uri(home.Hub.Url + "files/x"), null, null, CancellationToken.None))
        {
            Assert.False(proxy.Pending(), "Loopback is reached directly.");
        }
        var asked = session.GetAsync(new Uri("https://far.example/x"), null, null, CancellationToken.None);
        using (var client = await proxy.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(30)))
        {
            var buffer = new byte[4096];
            var read = await client.GetStream().ReadAsync(buffer);
            Assert.StartsWith("CONNECT far.example:443 ", Encoding.ASCII.GetString(buffer, 0, read), StringComparison.Ordinal);
            await client.GetStream().WriteAsync("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
        }
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => asked);
        Assert.Equal(ErrorKind.Network, refused.Kind);
        Assert.DoesNotContain("pw", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("direct.example", "https://direct.example/x", true)]
    [InlineData(".example", "https://a.b.example/x", true)]
    [InlineData("*.example", "https://a.example/x", true)]
    [InlineData("example", "https://notexample/x", false)]
    [InlineData("*", "https://anything/x", true)]
    [InlineData("a.example:8443", "https://a.example:8443/x", true)]
    [InlineData("a.example:8443", "https://a.example/x", false)]
    [InlineData("", "https://a.example/x", false)]
    [InlineData("", "http://127.0.0.1:5/x", true)]
    [InlineData("", "http://[::1]:5/x", true)]
    public void NoProxy_NamesHostsAndEndings(string noProxy, string address, bool bypassed) =>
        Assert.Equal(bypassed, new SourceProxy(new Uri("http://proxy.example:3128"), noProxy).IsBypassed(new Uri(address)));

    [Fact]
    public async Task Get_UnreachableOrUnknownHost_SaysWhich()
    {
        using var session = Session(new SourceAccess(), static host => host == "gone.example" ? throw new SocketException((int)SocketError.HostNotFound) : IPAddress.Loopback);
        var unknown = await Assert.ThrowsAnyAsync<SourceException>(() => session.GetAsync(new Uri("https://gone.example/x"), null, null, CancellationToken.None));
        Assert.Equal((ErrorKind.Network, true), (unknown.Kind, unknown.CanRetry));
        Assert.Contains("gone.example", unknown.Message, StringComparison.Ordinal);
        // Taken, and nobody listens.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        var closed = await Assert.ThrowsAnyAsync<SourceException>(() => session.GetAsync(new Uri($"http://127.0.0.1:{port}/x"), null, null, CancellationToken.None));
        Assert.Equal((ErrorKind.Network, true), (closed.Kind, closed.CanRetry));
    }

    [Fact]
    public async Task Pull_OverTls_TrustsOnlyTheAuthorityThatIsNamed()
    {
        await using var home = await HubHome.StartAsync(static options => options with { Tls = true });
        var original = home.Model("m.gguf")[0];
        home.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => home.PullAsync("org/one"));
        Assert.Equal(ErrorKind.Network, refused.Kind);
        Assert.Contains("STOKER_CA_FILE", refused.Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(home.Scratch.File("ca.pem"), home.Hub.CaPem);
        await home.AssertHoldsAsync(await home.PullAsync("org/one", access: home.Access with { CaFile = home.Scratch.File("ca.pem") }), original);

        await using var other = await HubHome.StartAsync(static options => options with { Tls = true });
        other.Hub.Publisher.HuggingFace("org/one", ("one-Q4_0.gguf", original));
        var foreign = await Assert.ThrowsAnyAsync<StokerException>(() => other.PullAsync("org/one", access: other.Access with { CaFile = home.Scratch.File("ca.pem") }));
        Assert.Equal(ErrorKind.Network, foreign.Kind);
    }

    [Fact]
    public async Task Get_RedirectFromHttpsToHttp_IsRefused()
    {
        await using var plain = await HubHome.StartAsync();
        await using var home = await HubHome.StartAsync(static options => options with { Tls = true });
        await File.WriteAllTextAsync(home.Scratch.File("ca.pem"), home.Hub.CaPem);
        home.Hub.Faults.Add(new HubFault { Path = "/files/x", RedirectTo = plain.Hub.Url + "files/x" });
        using var session = new SourceSession(home.Access with { CaFile = home.Scratch.File("ca.pem") }, home.Sources);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri(home.Hub.Url + "files/x"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Empty(plain.Hub.Stats.Requests);
    }

    [Fact]
    public async Task CaFile_ThatIsNone_IsToldByName()
    {
        using var session = new SourceSession(new SourceAccess { CaFile = "/absent.pem" }, new SourceOptions());
        var refused = await Assert.ThrowsAsync<StokerException>(() => session.GetAsync(new Uri("https://127.0.0.1:9/"), null, null, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorKind.InvalidInput, refused.Kind);
        Assert.Contains("/absent.pem", refused.Message, StringComparison.Ordinal);
    }

    private static SourceSession Session(SourceAccess access, Func<string, IPAddress> resolve, TimeSpan? connect = null) => new(access, new SourceOptions
    {
        ConnectTimeout = connect ?? TimeSpan.FromSeconds(30),
        Retry = new RetryPolicy { MaxTries = 1 },
        Resolve = (host, _) => Task.FromResult<IPAddress[]>([resolve(host)]),
    });
}
