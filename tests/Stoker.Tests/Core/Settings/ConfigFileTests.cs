using Stoker.Core.Settings;

namespace Stoker.Tests.Core.Settings;

public sealed class ConfigFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stoker-config-").FullName;

    private string File => Path.Combine(_folder, "inner", "config.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_Absent_IsEmpty()
    {
        var content = ConfigFile.Read(File);

        Assert.Empty(content.Values);
        Assert.Empty(content.Problems);
    }

    [Theory]
    [InlineData("{", "line 1")]
    [InlineData("[]", "one JSON object")]
    [InlineData("""{"version":2}""", "version 2")]
    [InlineData("""{"version":"1"}""", "version")]
    [InlineData("""{"prot":1}""", "did you mean 'port'?")]
    [InlineData("""{"home":"/x"}""", "no setting 'home'")]
    [InlineData("""{"port":{}}""", "port (config.json)")]
    [InlineData("""{"sources":[1]}""", "sources (config.json)")]
    public void Parse_Wrong_SaysWhat(string text, string part)
    {
        Assert.Contains(part, Assert.Single(ConfigFile.Parse(text).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Set_WritesVersionedFileForItsOwnerAlone_AndKeepsTheRest()
    {
        ConfigFile.Set(File, SettingNames.Port, ["6060"]);
        ConfigFile.Set(File, SettingNames.ApiKeys, ["first-key", "second-key"]);
        ConfigFile.Set(File, SettingNames.KeepAlive, ["10m"]);
        ConfigFile.Set(File, SettingNames.KeepAlive, null);

        var content = ConfigFile.Read(File);

        Assert.Empty(content.Problems);
        Assert.Equal(["api_keys", "port"], content.Values.Keys.Order());
        Assert.Equal(["6060"], content.Values["port"]);
        Assert.Equal(["first-key", "second-key"], content.Values["api_keys"]);
        Assert.Contains("\"version\": 1", System.IO.File.ReadAllText(File), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
    }

    [Fact]
    public void Read_TooLarge_IsAProblem()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, new string(' ', 2 << 20));

        Assert.Contains("larger than 1MiB", Assert.Single(ConfigFile.Read(File).Problems), StringComparison.Ordinal);
    }
}
