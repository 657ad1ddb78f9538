using Stoker.Cli.Output;
using Stoker.Core.Errors;

namespace Stoker.Tests.Cli.Output;

public sealed class ExitCodesTests
{
    [Fact]
    public void Of_EveryKind_HasACodeThatTheTableExplains()
    {
        foreach (var kind in Enum.GetValues<ErrorKind>())
        {
            var code = ExitCodes.Of(kind);

            Assert.NotEqual(0, code);
            Assert.Contains(ExitCodes.Table, row => row.Code == code);
            Assert.True(kind == ErrorKind.Internal || code != 1, $"{kind} is told as a defect.");
        }
    }
}
