using Stoker.Core.Settings;
using Stoker.Engine.Runners;

namespace Stoker.Tests.Engine.Runners;

public sealed class RunnerStartTests
{
    [Fact]
    public void LeanEnvironment_TakesEverySecretAway()
    {
        foreach (var name in CallerEnvironment.Variables.Concat(SettingNames.All.Where(static setting => setting.IsSecret).Select(static setting => setting.Variable)))
        {
            Assert.True(RunnerStart.LeanEnvironment.TryGetValue(name, out var value), name);
            Assert.Null(value);
        }
        Assert.Equal("0", RunnerStart.LeanEnvironment["DOTNET_gcServer"]);
    }
}
