using System.Net;
using FakeHub;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

/// <summary>
/// Where a stranger's address may lead: judged by the address that is connected. Names resolve to what the test says; nothing but
/// loopback is ever connected, because everything else is refused before.
/// </summary>
public sealed class OutboundTests
{
    [Theory]
    [InlineData("169.254.169.254", "link-local")]
    [InlineData("fd00:ec2::254", "private")]
    [InlineData("::ffff:169.254.169.254", "link-local")]
    [InlineData("64:ff9b::a9fe:a9fe", "link-local")]
    [InlineData("10.1.2.3", "private")]
    [InlineData("172.31.0.1", "private")]
    [InlineData("192.168.1.1", "private")]
    [InlineData("100.64.0.1", "private")]
    [InlineData("fe80::1", "link-local")]
    [InlineData("127.0.0.1", "loopback")]
    [InlineData("0.0.0.0", "reserved")]
    public async Task Get_AStrangersNameThatLeadsInside_IsRefusedOnTheConnectedAddress(string leadsTo, string kind)
    {
        using var session = Session(CallerTrust.Network, _ => [IPAddress.Parse(leadsTo)]);
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("https://models.example/m.gguf"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains(kind, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_ANameThatChangesItsAnswer_IsJudgedAtEachConnection()
    {
        var asked = 0;
        using var session = Session(CallerTrust.Network, _ => [IPAddress.Parse(Interlocked.Increment(ref asked) == 1 ? "169.254.169.254" : "127.0.0.1")]);
        for (var i = 1; i <= 2; i++)
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri("https://rebound.example/m.gguf"), null, null, CancellationToken.None));
            Assert.Equal(ErrorKind.Forbidden, refused.Kind);
            Assert.Equal(i, asked);
        }
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("127.0.0.0/8", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("store.example", true)]
    [InlineData("other.example", false)]
    [InlineData("10.0.0.0/8", false)]
    public async Task Get_AStrangersNameThatIsAllowListed_IsReachedAndNothingElse(string? allowed, bool reaches)
    {
        using var root = new TempFolder();
        await using var hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = root.Path });
        Directory.CreateDirectory(root.File("files"));
        await File.WriteAllTextAsync(root.File("files/m.txt"), "content", TestContext.Current.CancellationToken);
        using var session = Session(CallerTrust.Network, _ => [IPAddress.Loopback], allowed);
        var next = new Uri($"http://store.example:{new Uri(hub.Url).Port}/files/m.txt");
        if (reaches)
        {
            using var response = await session.GetAsync(next, null, null, CancellationToken.None);
            Assert.Equal("content", await response.Message.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
        else
        {
            var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(next, null, null, CancellationToken.None));
            Assert.Equal(ErrorKind.Forbidden, refused.Kind);
            Assert.Empty(hub.Stats.Requests);
        }
    }

    [Fact]
    public async Task Redirect_OfAConfiguredHubHere_ReachesItsNeighbourButNotTheMetadataService()
    {
        using var root = new TempFolder();
        await using var hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = root.Path });
        Directory.CreateDirectory(root.File("files"));
        await File.WriteAllTextAsync(root.File("files/m.txt"), "content", TestContext.Current.CancellationToken);
        hub.Faults.Add(new HubFault { Path = "/files/near", RedirectTo = hub.ContentUrl + "files/m.txt" });
        hub.Faults.Add(new HubFault { Path = "/files/far", RedirectTo = "http://169.254.169.254/latest/meta-data/" });
        using var session = new SourceSession(new SourceAccess { Trust = CallerTrust.Owner }, new SourceOptions());
        using (var near = await session.GetAsync(new Uri(hub.Url + "files/near"), null, null, CancellationToken.None))
            Assert.Equal("content", await near.Message.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => session.GetAsync(new Uri(hub.Url + "files/far"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
    }

    [Theory] // what a proxy connects to is out of our sight; what the address itself says is not
    [InlineData("https://10.1.2.3/m", "private")]
    [InlineData("https://169.254.169.254/latest", "link-local")]
    [InlineData("https://2852039166/latest", "link-local")]
    [InlineData("https://0xa9.0xfe.0251.0376/latest", "link-local")]
    [InlineData("https://[::ffff:169.254.169.254]/latest", "link-local")]
    [InlineData("https://[fd00:ec2::254]/latest", "private")]
    [InlineData("https://[64:ff9b:1::a00:1]/m", "private")]
    [InlineData("https://0.0.0.0/m", "reserved")]
    [InlineData("https://127.0.0.1:{proxy}/m", "loopback")]
    [InlineData("http://far.example/m", "plain http")]
    public async Task ThroughAProxy_AStrangersOrARedirectsPlaceInside_IsRefusedBeforeItIsSent(string inside, string says)
    {
        using var root = new TempFolder();
        await using var hub = await FakeHubServer.StartAsync(new FakeHubOptions { Root = root.Path, Tls = true, TlsNames = ["far.example"] });
        await using var proxy = new Fetch.RelayProxy("ann", "pw", new Uri(hub.Url).Port);
        inside = inside.Replace("{proxy}", $"{proxy.Port}", StringComparison.Ordinal);
        hub.Faults.Add(new HubFault { Path = "/files/in", RedirectTo = inside });
        File.WriteAllText(root.File("ca.pem"), hub.CaPem);
        var access = new SourceAccess { CaFile = root.File("ca.pem"), Proxy = SourceAccess.ParseProxy($"http://ann:pw@127.0.0.1:{proxy.Port}") };

        using var stranger = new SourceSession(access with { Trust = CallerTrust.Network }, new SourceOptions());
        var refused = await Assert.ThrowsAnyAsync<StokerException>(() => stranger.GetAsync(new Uri(inside), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, refused.Kind);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Empty(proxy.Targets);

        using var owner = new SourceSession(access, new SourceOptions());
        var redirected = await Assert.ThrowsAnyAsync<StokerException>(() => owner.GetAsync(new Uri("https://far.example/files/in"), null, null, CancellationToken.None));
        Assert.Equal(ErrorKind.Forbidden, redirected.Kind);
        Assert.Contains(says, redirected.Message, StringComparison.Ordinal);
        Assert.Equal(["far.example:443"], proxy.Targets);
    }

    [Theory]
    [InlineData("no such host!")]
    [InlineData("10.0.0.0/40")]
    public void AllowedPlaces_NoPlace_IsRefused(string place) =>
        Assert.Equal(ErrorKind.InvalidInput, Assert.Throws<StokerException>(() => AllowedPlaces.Parse([place])).Kind);

    private static SourceSession Session(CallerTrust trust, Func<string, IPAddress[]> resolve, string? allowed = null) => new(
        new SourceAccess { Trust = trust },
        new SourceOptions
        {
            Resolve = (name, _) => Task.FromResult(resolve(name)),
            Allow = allowed is null ? AllowedPlaces.None : AllowedPlaces.Parse([allowed]),
            ConnectTimeout = TimeSpan.FromSeconds(5),
        });
}
