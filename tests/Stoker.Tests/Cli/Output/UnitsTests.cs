using Stoker.Cli.Output;

namespace Stoker.Tests.Cli.Output;

public sealed class UnitsTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.00 kB")]
    [InlineData(9994, "9.99 kB")]
    [InlineData(9996, "10.0 kB")]
    [InlineData(397_808_192, "398 MB")]
    [InlineData(999_600_000, "1.00 GB")]
    [InlineData(4_370_000_000, "4.37 GB")]
    [InlineData(1.5e18, "1500 PB")]
    public void Bytes_ThreeDigits(double bytes, string text) => Assert.Equal(text, Units.Bytes(bytes));

    [Theory]
    [InlineData(-5, "0 ms")]
    [InlineData(0.0124, "12 ms")]
    [InlineData(0.9996, "1.0 s")]
    [InlineData(3.44, "3.4 s")]
    [InlineData(12.4, "12 s")]
    [InlineData(59.7, "1m00s")]
    [InlineData(125, "2m05s")]
    [InlineData(11220, "3h07m")]
    [InlineData(187200, "2d04h")]
    public void Duration_Texts(double seconds, string text) => Assert.Equal(text, Units.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(5, "just now")]
    [InlineData(61, "1 minute ago")]
    [InlineData(7300, "2 hours ago")]
    [InlineData(86400 * 3, "3 days ago")]
    [InlineData(86400 * 92, "3 months ago")]
    public void Ago_Texts(double seconds, string text) => Assert.Equal(text, Units.Ago(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(494_032_768, "494M")]
    [InlineData(7_615_616_512, "7.62B")]
    [InlineData(812, "812")]
    public void Parameters_Texts(long count, string text) => Assert.Equal(text, Units.Parameters(count));
}
