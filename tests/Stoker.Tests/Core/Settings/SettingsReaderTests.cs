using Stoker.Core.Errors;
using Stoker.Core.Settings;

namespace Stoker.Tests.Core.Settings;

public sealed class SettingsReaderTests
{
    private static readonly Dictionary<string, IReadOnlyList<string>> NoFlags = [];
    private static readonly Dictionary<string, string> NoEnvironment = [];

    [Fact]
    public void Merge_NothingSet_GivesValidDefaults()
    {
        var effective = SettingsReader.Merge(NoFlags, NoEnvironment, ConfigContent.Empty, "/home/x/.stoker");

        Assert.Equal(5050, effective.Options.Port);
        Assert.Equal("127.0.0.1", effective.Options.Host);
        Assert.Equal(TimeSpan.FromMinutes(5), effective.Options.KeepAlive);
        Assert.Equal(["huggingface", "ollama"], effective.Options.SourceOrder);
        Assert.All(effective.Origins.Values, static origin => Assert.Equal(SettingOrigin.Default, origin));
    }

    [Theory]
    [InlineData("1", "2", "3", 1, SettingOrigin.Flag)]
    [InlineData(null, "2", "3", 2, SettingOrigin.Environment)]
    [InlineData(null, null, "3", 3, SettingOrigin.File)]
    [InlineData(null, "", "3", 3, SettingOrigin.File)]
    public void Merge_SeveralOrigins_StrongestWins(string? flag, string? variable, string? file, int port, SettingOrigin origin)
    {
        var flags = flag is null ? NoFlags : new() { ["port"] = [flag] };
        var environment = variable is null ? NoEnvironment : new() { ["STOKER_PORT"] = variable };
        var content = ConfigFile.Parse($$"""{"version":1,"port":{{file}}}""");

        var effective = SettingsReader.Merge(flags, environment, content, "/h");

        Assert.Equal(port, effective.Options.Port);
        Assert.Equal(origin, effective.Origins["port"]);
    }

    [Fact]
    public void Merge_SeveralProblems_ReportsAllAtOnceWithTheirOrigin()
    {
        var flags = new Dictionary<string, IReadOnlyList<string>> { ["port"] = ["99999"] };
        var environment = new Dictionary<string, string> { ["STOKER_KEEP_ALIVE"] = "soon", ["STOKER_SOURCES"] = "ollama,modelscope" };
        var file = ConfigFile.Parse("""{"version":1,"threads":0,"prot":1}""");

        var problem = Assert.Throws<StokerException>(() => SettingsReader.Merge(flags, environment, file, "/h"));

        Assert.Equal(ErrorKind.InvalidInput, problem.Kind);
        Assert.Contains("port (--port): 99999 is not between 0 and 65535", problem.Message, StringComparison.Ordinal);
        Assert.Contains("keep_alive (STOKER_KEEP_ALIVE)", problem.Message, StringComparison.Ordinal);
        Assert.Contains("sources (STOKER_SOURCES): 'modelscope'", problem.Message, StringComparison.Ordinal);
        Assert.Contains("threads (config.json): 0 is not between 1 and 1024", problem.Message, StringComparison.Ordinal);
        Assert.Contains("did you mean 'port'?", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0", false)]
    [InlineData("192.0.2.7", false)]
    [InlineData("::", false)]
    [InlineData("localhost", true)]
    [InlineData("127.8.8.8", true)]
    [InlineData("::1", true)]
    public void Validate_HostWithoutKeys_OnlyLoopbackPasses(string host, bool valid)
    {
        var options = new StokerOptions { Home = "/h", Host = host };

        Assert.Equal(valid, options.Validate().Count == 0);
        Assert.Empty((options with { ApiKeys = ["a-long-secret"] }).Validate());
    }

    [Fact]
    public void FindHome_FlagVariableThenUserHome()
    {
        var flags = new Dictionary<string, IReadOnlyList<string>> { ["home"] = ["/flag"] };
        var environment = new Dictionary<string, string> { ["STOKER_HOME"] = "/variable/", ["HOME"] = "/home/x" };

        Assert.Equal("/flag", SettingsReader.FindHome(flags, environment));
        Assert.Equal("/variable", SettingsReader.FindHome(NoFlags, environment).TrimEnd('/'));
        Assert.Equal("/home/x/.stoker", SettingsReader.FindHome(NoFlags, new Dictionary<string, string> { ["HOME"] = "/home/x" }));
        Assert.Throws<StokerException>(() => SettingsReader.FindHome(NoFlags, NoEnvironment));
    }

    [Fact]
    public void ToString_WithKeysAndTokens_ShowsNone()
    {
        var options = new StokerOptions { Home = "/h", ApiKeys = ["a-long-secret"] };
        var caller = CallerEnvironment.Read(new Dictionary<string, string> { ["HF_TOKEN"] = "hf_secret" });

        Assert.Equal("hf_secret", caller.HuggingFaceToken);
        Assert.DoesNotContain("secret", options.ToString() + caller, StringComparison.Ordinal);
    }
}
