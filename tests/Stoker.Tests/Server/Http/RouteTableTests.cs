using Stoker.Core.Models;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

public sealed class RouteTableTests
{
    private readonly RouteTable _routes = new();

    public RouteTableTests()
    {
        static Task Nothing(HttpCall call) => Task.CompletedTask;
        _routes.Add("GET", "/health", Exposure.Public, Nothing);
        _routes.Add("GET", "/v1/models", Exposure.Api, Nothing);
        _routes.Add("GET", "/v1/models/{*}", Exposure.Api, Nothing);
        _routes.Add("GET", "/admin/jobs/{id}", Exposure.Socket, Nothing);
        _routes.Add("POST", "/admin/jobs/{id}/cancel", Exposure.Socket, Nothing);
        _routes.Add("GET", "/admin/jobs/{id}/events", Exposure.Socket, Nothing);
        _routes.Add("DELETE", "/admin/models", Exposure.Socket, Nothing);
    }

    [Theory]
    [InlineData("GET", "/health", "/health", null)]
    [InlineData("HEAD", "/health", "/health", null)]
    [InlineData("GET", "/health/", "/health", null)]
    [InlineData("GET", "/v1/models/hf:org/repo:Q4", "/v1/models/{*}", "hf:org/repo:Q4")]
    [InlineData("GET", "/v1/models/hf:org%2Frepo", "/v1/models/{*}", "hf:org/repo")]
    [InlineData("GET", "/admin/jobs/7", "/admin/jobs/{id}", "7")]
    [InlineData("POST", "/admin/jobs/7/cancel", "/admin/jobs/{id}/cancel", "7")]
    [InlineData("GET", "/admin/jobs/7/events", "/admin/jobs/{id}/events", "7")]
    [InlineData("GET", "/admin/jobs/7/other", null, null)]
    [InlineData("GET", "/Health", null, null)]
    [InlineData("GET", "//health", null, null)]
    [InlineData("GET", "/", null, null)]
    [InlineData("GET", "", null, null)]
    [InlineData("POST", "/admin/jobs/7/8/cancel", null, null)]
    [InlineData("POST", "/admin/jobs//cancel", null, null)]
    public void Find_FromTheSocket_Table(string method, string path, string? template, string? value)
    {
        var match = _routes.Find(method, path, CallerTrust.Owner);
        Assert.Equal(template, match.Route?.Template);
        Assert.Equal(value, match.Value);
    }

    [Theory]
    [InlineData("GET", "/admin/jobs/7")]
    [InlineData("POST", "/admin/jobs/7")]
    [InlineData("POST", "/admin/jobs/7/cancel")]
    [InlineData("DELETE", "/admin/models")]
    public void Find_SocketRouteFromTheNetwork_IsNotEvenTheWrongMethod(string method, string path)
    {
        var match = _routes.Find(method, path, CallerTrust.Network);
        Assert.Null(match.Route);
        Assert.Null(match.Allow);
    }

    [Fact]
    public void Find_WrongMethod_SaysWhichAreRight() => Assert.Equal("GET", _routes.Find("PUT", "/v1/models", CallerTrust.Network).Allow);

    [Fact]
    public void Add_TheSameTwice_IsRefused() =>
        Assert.Throws<InvalidOperationException>(() => _routes.Add("GET", "/health", Exposure.Api, static _ => Task.CompletedTask));
}
