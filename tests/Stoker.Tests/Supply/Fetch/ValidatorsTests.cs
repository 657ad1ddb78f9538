using Stoker.Supply.Fetch;

namespace Stoker.Tests.Supply.Fetch;

public sealed class ValidatorsTests
{
    [Theory]
    [InlineData("\"a\"", null, 10L, "\"a\"", null, 10L, true)]
    [InlineData("\"a\"", null, 10L, "\"b\"", null, 10L, false)]
    [InlineData("\"a\"", null, 10L, "W/\"a\"", null, 10L, true)]
    [InlineData("\"a\"", null, 10L, "\"a\"", null, 11L, false)]
    [InlineData("\"a\"", "Mon", null, null, "Mon", 10L, true)]
    [InlineData(null, "Mon", 10L, null, "Tue", 10L, false)]
    [InlineData("\"a\"", "Mon", 10L, "\"a\"", "Tue", 10L, true)]
    [InlineData(null, null, 10L, "\"a\"", "Tue", 10L, true)]
    public void Matches_Table(string? tag, string? modified, long? size, string? laterTag, string? laterModified, long? laterSize, bool same) =>
        Assert.Equal(same, new Validators(tag, modified, size).Matches(new Validators(laterTag, laterModified, laterSize)));

    [Fact]
    public void IfRange_OnlyAStrongTag()
    {
        Assert.Equal("\"a\"", new Validators("\"a\"", "Mon", 1).IfRange);
        Assert.Null(new Validators("W/\"a\"", "Mon", 1).IfRange);
        Assert.Null(new Validators(null, "Mon", 1).IfRange);
    }
}
