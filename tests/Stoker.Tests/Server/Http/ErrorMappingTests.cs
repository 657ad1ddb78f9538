using Stoker.Core.Errors;
using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

public sealed class ErrorMappingTests
{
    public static TheoryData<ErrorKind> Kinds => [.. Enum.GetValues<ErrorKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Of_EveryKind_HasAStatusATypeAndACode(ErrorKind kind)
    {
        var (status, type, code) = ErrorMapping.Of(kind);
        Assert.InRange(status, 400, 599);
        Assert.Matches("^[a-z_]+$", type);
        Assert.Matches("^[a-z_]+$", code);
    }

    [Fact]
    public void Of_Codes_AreDistinct() =>
        Assert.Equal(Enum.GetValues<ErrorKind>().Length, Enum.GetValues<ErrorKind>().Select(static kind => ErrorMapping.Of(kind).Code).Distinct().Count());

    [Fact]
    public void Envelope_OfADefect_KeepsItsWordsInside()
    {
        var error = ErrorMapping.Envelope(new FormatException("the secret inside")).Error;
        Assert.Equal(ErrorKind.Internal, error.Kind);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }
}
