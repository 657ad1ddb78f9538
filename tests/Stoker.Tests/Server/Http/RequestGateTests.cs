using System.Net;
using Microsoft.AspNetCore.Http;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

public sealed class RequestGateTests
{
    [Theory]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST:5050", true)]
    [InlineData("localhost.", true)]
    [InlineData("127.0.0.1:5050", true)]
    [InlineData("127.9.9.9", true)]
    [InlineData("[::1]:5050", true)]
    [InlineData("192.168.1.7:5050", true)] // the address it came in by
    [InlineData("models.example:80", true)] // allowed by name
    [InlineData("MODELS.example", true)]
    [InlineData("192.168.1.8", false)]
    [InlineData("evil.com", false)]
    [InlineData("evil.com:5050", false)]
    [InlineData("localhost.evil.com", false)]
    [InlineData("127.0.0.1.evil.com", false)]
    [InlineData("evil.com/localhost", false)]
    [InlineData("1", false)] // IPAddress.Parse says 0.0.0.1
    [InlineData("0x7f.1", false)]
    [InlineData("2130706433", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("[::]", false)]
    [InlineData("", false)]
    public void HostCheck_Table(string host, bool allowed) =>
        Assert.Equal(allowed, new HostCheck(["models.example"]).IsAllowed(new HostString(host), IPAddress.Parse("192.168.1.7")));

    [Theory]
    [InlineData(null, true)]
    [InlineData("http://127.0.0.1:5050", true)]
    [InlineData("https://chat.example", true)]
    [InlineData("HTTPS://CHAT.example", true)]
    [InlineData("http://127.0.0.1:8888", false)] // another program of this machine
    [InlineData("http://localhost:5050", false)] // another name than the Host's
    [InlineData("https://127.0.0.1:5050", false)]
    [InlineData("http://chat.example", false)]
    [InlineData("https://chat.example.evil.com", false)]
    [InlineData("null", false)]
    [InlineData("", false)]
    public void OriginCheck_Table(string? origin, bool allowed) =>
        Assert.Equal(allowed, new OriginCheck(["https://chat.example/"]).IsAllowed(origin, "http", new HostString("127.0.0.1:5050")));

    [Theory]
    [InlineData("Bearer key-number-one", null, true)]
    [InlineData("bearer key-number-two", null, true)]
    [InlineData("Bearer  key-number-two ", null, true)]
    [InlineData(null, "key-number-one", true)]
    [InlineData("Bearer key-number-on", null, false)]
    [InlineData("Bearer key-number-one1", null, false)]
    [InlineData("Bearer ", null, false)]
    [InlineData("Bearer", null, false)]
    [InlineData("Basic key-number-one", null, false)]
    [InlineData("key-number-one", null, false)]
    [InlineData(null, "", false)]
    [InlineData(null, null, false)]
    public void ApiKeyCheck_Table(string? authorization, string? apiKey, bool allowed) =>
        Assert.Equal(allowed, new ApiKeyCheck(["key-number-one", "key-number-two"]).IsAllowed(authorization, apiKey));

    [Fact]
    public void ApiKeyCheck_NoKeys_NeedsNone() => Assert.True(new ApiKeyCheck([]).IsAllowed(default, default));

    [Theory]
    [InlineData("application/json", true)]
    [InlineData("Application/JSON; charset=utf-8", true)]
    [InlineData("application/problem+json", true)]
    [InlineData("application/json; charset=utf-16", false)]
    [InlineData("text/plain", false)]
    [InlineData("text/plain; application/json", false)]
    [InlineData("application/x-www-form-urlencoded", false)]
    [InlineData("multipart/form-data; boundary=application/json", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void CheckBody_ContentTypeTable(string? contentType, bool allowed)
    {
        var request = new DefaultHttpContext().Request;
        request.ContentType = contentType;
        Assert.Equal(allowed, RequestGate.CheckBody(request, mayHaveBody: true) is null);
        Assert.Null(RequestGate.CheckBody(request, mayHaveBody: false));
    }
}
