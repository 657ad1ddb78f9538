using Stoker.Server.Http;

namespace Stoker.Tests.Server.Http;

public sealed class MetricRegistryTests
{
    [Fact]
    public void WriteText_CounterGaugeAndHistogram_IsPrometheusText()
    {
        var registry = new MetricRegistry();
        var counter = registry.Counter("a_total", "As.", "model");
        registry.Gauge("b", "Bs.", static () => [("", 1.5)]);
        var histogram = registry.Histogram("c_seconds", "Cs.", [0.1, 1]);
        counter.Add(2, "quo\"te\\\n");
        counter.Add(1, "quo\"te\\\n");
        histogram.Observe(0.05);
        histogram.Observe(0.5);
        histogram.Observe(50);

        Assert.Equal(
            """
            # HELP a_total As.
            # TYPE a_total counter
            a_total{model="quo\"te\\\n"} 3
            # HELP b Bs.
            # TYPE b gauge
            b 1.5
            # HELP c_seconds Cs.
            # TYPE c_seconds histogram
            c_seconds_bucket{le="0.1"} 1
            c_seconds_bucket{le="1"} 2
            c_seconds_bucket{le="+Inf"} 3
            c_seconds_sum 50.55
            c_seconds_count 3

            """,
            registry.WriteText());
    }

    [Fact]
    public void Add_EndlessLabels_StaysBoundedAndLosesNothing()
    {
        var registry = new MetricRegistry();
        var counter = registry.Counter("a_total", "As.", "model");
        for (var i = 0; i < 10_000; i++) counter.Add(1, $"model-{i}");
        var lines = registry.WriteText().Split('\n').Where(static line => line.StartsWith("a_total{", StringComparison.Ordinal)).ToArray();
        Assert.InRange(lines.Length, 2, MetricRegistry.MaxSeries + 1);
        Assert.Equal(10_000, lines.Sum(static line => double.Parse(line.Split(' ')[^1])));
    }
}
