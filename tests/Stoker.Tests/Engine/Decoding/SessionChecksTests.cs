using System.Globalization;
using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Tests.Engine.Sessions;

namespace Stoker.Tests.Engine.Decoding;

/// <summary>Whoever waits for cells that are read again, and leaves.</summary>
public sealed class SessionChecksTests
{
    public static TheoryData<Exception> WhatTellingThrows => [new OperationCanceledException("Left."), new StokerException(ErrorKind.Timeout, "Its window was closed a moment ago.")];

    [Theory]
    [MemberData(nameof(WhatTellingThrows))]
    public async Task TryTake_WhoIsToldHasLeftAtThatMoment_NobodyElseHearsOfIt(Exception thrown)
    {
        using var bench = new SessionBench();
        using var checks = new SessionChecks(static session => session.Dispose());
        var left = new Leaving(thrown, default);
        checks.Begin(new GenerationRequest(), left, Doubtful(bench));
        var reading = await TakeAsync(checks);
        Assert.Equal(1, left.Told); // of all that was read at the latest; and who has left is told nothing more
        using var session = reading.Take();
        Assert.Null(session.Doubt);
        SessionBench.AssertCells(session);
    }

    [Fact]
    public async Task TryTake_WhoIsToldLeftBefore_IsToldNothing()
    {
        using var bench = new SessionBench();
        using var checks = new SessionChecks(static session => session.Dispose());
        using var leave = new CancellationTokenSource();
        var left = new Leaving(new OperationCanceledException(), leave.Token);
        checks.Begin(new GenerationRequest(), left, Doubtful(bench));
        await leave.CancelAsync();
        var reading = await TakeAsync(checks);
        Assert.Equal(0, left.Told);
        Assert.Same(left, reading.Target);
    }

    private static OpenSession Doubtful(SessionBench bench)
    {
        var id = bench.Keep("s", SessionBench.Tokens(600, 1));
        File.WriteAllText(bench.File(id, "lock"), string.Create(CultureInfo.InvariantCulture, $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 1 0"));
        var session = bench.Store.OpenInDoubt("s", null, Canary.Identity, Canary.Layout);
        Assert.Equal(0, session.Doubt);
        return session;
    }

    private static async Task<SessionChecks.Reading> TakeAsync(SessionChecks checks)
    {
        SessionChecks.Reading? ended;
        while (!checks.TryTake(out ended)) await Task.Delay(1, TestContext.Current.CancellationToken);
        return ended;
    }

    private sealed class Leaving(Exception thrown, CancellationToken cancelled) : IAnswerTarget
    {
        public int Told { get; private set; }
        public CancellationToken Cancelled => cancelled;
        public bool HasRoom => true;

        public void Tell(GenerationEvent told)
        {
            Told++;
            throw thrown;
        }

        public void End()
        {
        }

        public void Fail(ErrorKind kind, string message)
        {
        }
    }
}
