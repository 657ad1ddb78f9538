using SessionLab;
using Stoker.Core.Errors;
using Stoker.Engine.Sessions;

namespace Stoker.Tests.Engine.Sessions;

/// <summary>What a user is told whose session was kept with something else.</summary>
public sealed class SessionRefusalTests
{
    private static readonly SessionIdentity Kept = Canary.Identity with { Model = "qwen2.5:0.5b" };

    [Fact]
    public void Open_WithTheSame_IsNone() => Assert.Null(Refusal(Kept with { Model = "another name of it" }, Canary.Layout));

    [Fact]
    public void Open_WithOtherFlags_NamesBothAndTheCommand()
    {
        Assert.Equal(
            "Session trip was kept with --kv ssd --kv-type f16, and qwen2.5:0.5b is loaded with --kv ssd --kv-type q8_0. "
            + "Load it as it was (stoker stop qwen2.5:0.5b, then stoker run qwen2.5:0.5b --session trip --kv ssd --kv-type f16), choose another session name, "
            + "or remove this one (stoker sessions rm trip); its text stays readable (stoker sessions show trip).",
            Refusal(Kept with { KvTypes = "q8_0/q8_0", Shape = "smaller" }, KvLayout.Of(4096, [("k", 34)])));
        // As the runner writes them.
        Assert.Contains("--kv-type f16, and qwen2.5:0.5b is loaded with --kv ssd --kv-type q8_0.", Refusal(Kept with { KvTypes = "Q8/Q8" }, Canary.Layout, Kept with { KvTypes = "F16/F16" }));
        var inMemory = Refusal(Kept with { Shape = "state of 3 layers" }, null);
        Assert.Contains("was kept with --kv ssd --kv-type f16, and qwen2.5:0.5b is loaded with --kv ram --kv-type f16", inMemory);
        Assert.DoesNotContain("3 layers", inMemory);
    }

    [Fact]
    public void Open_WithAnotherModel_NamesTheOneToRun()
    {
        var other = Refusal(Kept with { Model = "tiny", ModelDigest = "sha256:b" }, Canary.Layout);
        Assert.Contains("cannot be continued with tiny: it was kept with qwen2.5:0.5b (sha256:aaaa", other);
        Assert.Contains("stoker run qwen2.5:0.5b --session trip", other);
        var updated = Refusal(Kept with { ModelDigest = "sha256:b" }, Canary.Layout);
        Assert.Contains("that model had other weights then", updated);
        Assert.DoesNotContain("stoker run", updated);
        Assert.Contains("Choose another session name, or remove this one (stoker sessions rm trip)", updated);
    }

    [Fact]
    public void Open_WithAnotherLibraryOrMachine_SaysWhich()
    {
        Assert.Contains("computed by llama 1, and this is llama 2", Refusal(Kept with { Runtime = "llama 2" }, Canary.Layout));
        Assert.Contains("memory pages of 4096 bytes, and this one's have 16384", Refusal(Kept, KvLayout.Of(16384, Canary.Layout.Regions.Select(static region => (region.Name, region.RowBytes)))));
    }

    private static string? Refusal(SessionIdentity here, KvLayout? layout, SessionIdentity? kept = null)
    {
        using var bench = new SessionBench();
        using (var session = bench.Store.Create("trip", "", kept ?? Kept, Canary.Layout)) session.Save(Canary.Snapshot([]));
        try
        {
            bench.Store.Open("trip", null, here, layout).Dispose();
            return null;
        }
        catch (StokerException refusal)
        {
            Assert.Equal(ErrorKind.Conflict, refusal.Kind);
            return refusal.Message;
        }
    }
}
