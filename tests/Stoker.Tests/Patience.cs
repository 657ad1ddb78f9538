namespace Stoker.Tests;

/// <summary>Waits for what is seen from outside only. A minute is for a machine that is very busy; what is right takes milliseconds.</summary>
internal static class Patience
{
    internal static async Task UntilAsync(Func<bool> isSo, string otherwise)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        while (!isSo())
        {
            Assert.False(limit.IsCancellationRequested, otherwise);
            await Task.Delay(5, CancellationToken.None);
        }
    }
}
