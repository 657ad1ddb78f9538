using FsCheck;
using FsCheck.Fluent;
using Stoker.Core.Settings;

namespace Stoker.Tests.Core.Settings;

public sealed class SettingNamesTests
{
    [Fact]
    public void All_CoversEveryPropertyOnce_WithDistinctNames()
    {
        var properties = typeof(StokerOptions).GetProperties().Where(static property => property.CanWrite).Select(static property => property.Name).Order();

        Assert.Equal(properties, SettingNames.All.Select(static setting => setting.Property).Order());
        Assert.Equal(SettingNames.All.Count, SettingNames.All.Select(static setting => setting.Key).Distinct().Count());
        Assert.Equal(SettingNames.All.Count, SettingNames.All.Select(static setting => setting.Flag).Distinct().Count());
        Assert.Equal(SettingNames.All.Count, SettingNames.All.Select(static setting => setting.Variable).Distinct().Count());
        Assert.All(SettingNames.All, static setting => Assert.StartsWith("STOKER_", setting.Variable, StringComparison.Ordinal));
    }

    [Fact]
    public void Show_ThenApply_GivesTheSameValue()
    {
        var options = new StokerOptions
        {
            Home = "/h", Host = "0.0.0.0", Port = 1, ApiKeys = ["one-long-key", "two-long-key"], AllowedHosts = ["a"], AllowedOrigins = ["https://b"],
            KeepAlive = TimeSpan.FromSeconds(90), ContextTokens = 512, Threads = 3, Parallel = 2, Kv = "ssd", KvType = "q8_0", KvWindowTokens = 2048, Repack = "off", GpuLayers = 7, Durability = "fsync",
            LlamaDirectory = "/l", SourceOrder = ["ollama"], MaxBodyBytes = 4097, QueueLength = 9, SessionsQuotaBytes = 5L << 30,
            FetchMaxRate = 5_000_000, FetchMaxConnections = 7, QuotaBytes = 3L << 30, FetchAllow = ["10.0.0.0/8"],
        };
        foreach (var setting in SettingNames.All)
        {
            var again = setting.Apply(new StokerOptions { Home = "/other" }, setting.Show(options));

            Assert.Equal(setting.Show(options), setting.Show(again));
        }
    }

    [Fact]
    public void DurationAndSize_WrittenAndRead_AreTheSame()
    {
        Prop.ForAll<int, long>((seconds, bytes) =>
        {
            var duration = TimeSpan.FromSeconds(Math.Abs((long)seconds));
            var size = bytes < 0 ? ~bytes : bytes;
            return SettingText.ParseDuration(SettingText.Duration(duration)) == duration && SettingText.ParseSize(SettingText.Size(size)) == size;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000));
    }

    [Theory]
    [InlineData("5m", 300)]
    [InlineData("1.5h", 5400)]
    [InlineData("250ms", 0.25)]
    [InlineData("90", 90)]
    [InlineData("0", 0)]
    [InlineData("-1", -1)]
    [InlineData("-5m", -1)]
    [InlineData("forever", -1)]
    public void ParseDuration_Texts(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), SettingText.ParseDuration(text));

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("5 minutes")]
    [InlineData("1e300h")]
    [InlineData("NaN")]
    [InlineData("1000000d")]
    public void ParseDuration_Nonsense_SaysWhatToWrite(string text) =>
        Assert.Contains("5m", Assert.Throws<FormatException>(() => SettingText.ParseDuration(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("16MiB", 16L << 20)]
    [InlineData("1.5 GiB", 3L << 29)]
    [InlineData("2GB", 2_000_000_000)]
    [InlineData("8k", 8192)]
    [InlineData("123", 123)]
    [InlineData("9B", 9)]
    public void ParseSize_Texts(string text, long bytes) => Assert.Equal(bytes, SettingText.ParseSize(text));

    [Theory]
    [InlineData("-1")]
    [InlineData("MiB")]
    [InlineData("99999999999999999999TiB")]
    [InlineData("1e9")]
    public void ParseSize_Nonsense_IsRefused(string text) => Assert.Throws<FormatException>(() => SettingText.ParseSize(text));
}
