using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class ContentRangeTests
{
    [Theory]
    [InlineData("bytes 0-99/100", 0, 99, 100L)]
    [InlineData("bytes 5-5/*", 5, 5, null)]
    [InlineData("BYTES 0-0/1", 0, 0, 1L)]
    [InlineData("bytes 0-9223372036854775806/9223372036854775807", 0, 9223372036854775806, 9223372036854775807)]
    public void TryParse_Sound_GivesItsNumbers(string text, long first, long last, long? total)
    {
        Assert.True(ContentRange.TryParse(text, out var range));
        Assert.Equal((first, last, total, false), (range.Value.First, range.Value.Last, range.Value.TotalBytes, range.Value.IsUnsatisfied));
    }

    [Fact]
    public void TryParse_Unsatisfied_GivesTheTotal()
    {
        Assert.True(ContentRange.TryParse("bytes */4711", out var range));
        Assert.True(range.Value.IsUnsatisfied);
        Assert.Equal(4711, range.Value.TotalBytes);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes */*")]
    [InlineData("bytes 0-99")]
    [InlineData("bytes -1-99/100")]
    [InlineData("bytes 0--1/100")]
    [InlineData("bytes 9-5/100")]
    [InlineData("bytes 0-100/100")]
    [InlineData("bytes 0-9/ 100")]
    [InlineData("items 0-9/100")]
    [InlineData("bytes 0-9,20-29/100")]
    [InlineData("bytes 0-99999999999999999999/*")]
    [InlineData("bytes +0-9/100")]
    public void TryParse_AnythingElse_IsRefused(string? text) => Assert.False(ContentRange.TryParse(text, out _));
}
