using System.Globalization;
using System.Text;

namespace Stoker.Server.Http;

/// <summary>
/// Counters, gauges and histograms, and their text (Prometheus' exposition format 0.0.4). Bounded: a metric keeps at most
/// <see cref="MaxSeries"/> label combinations and adds what comes after to one called <c>other</c>. Thread-safe.
/// </summary>
public sealed class MetricRegistry
{
    public const int MaxSeries = 256;
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock _gate = new();
    private readonly List<Action<StringBuilder>> _writers = [];

    /// <param name="name">Ends in <c>_total</c>.</param>
    public MetricCounter Counter(string name, string help, params string[] labels)
    {
        var counter = new MetricCounter(labels);
        Add(name, "counter", help, text => counter.Write(text, name));
        return counter;
    }

    /// <param name="read">Called for each scrape; label pairs ready-made through <see cref="Labels"/>.</param>
    public void Gauge(string name, string help, Func<IEnumerable<(string Labels, double Value)>> read) =>
        Add(name, "gauge", help, text =>
        {
            foreach (var (labels, value) in read().Take(MaxSeries)) Line(text, name, labels, value);
        });

    public MetricHistogram Histogram(string name, string help, double[] bounds, params string[] labels)
    {
        var histogram = new MetricHistogram(bounds, labels);
        Add(name, "histogram", help, text => histogram.Write(text, name));
        return histogram;
    }

    public string WriteText()
    {
        var text = new StringBuilder(4096);
        lock (_gate)
        {
            foreach (var write in _writers) write(text);
        }
        return text.ToString();
    }

    /// <summary><c>{a="1",b="2"}</c>, escaped; empty without labels.</summary>
    public static string Labels(ReadOnlySpan<string> names, ReadOnlySpan<string> values, string? extra = null)
    {
        if (names.IsEmpty && extra is null) return "";
        var text = new StringBuilder("{");
        for (var i = 0; i < names.Length; i++)
        {
            if (i > 0) text.Append(',');
            text.Append(names[i]).Append("=\"").Append(values[i].Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")).Append('"');
        }
        if (extra is not null) text.Append(names.IsEmpty ? "" : ",").Append(extra);
        return text.Append('}').ToString();
    }

    internal static void Line(StringBuilder text, string name, string labels, double value) =>
        text.Append(name).Append(labels).Append(' ').Append(Number(value)).Append('\n');

    internal static string Number(double value) => double.IsPositiveInfinity(value) ? "+Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private void Add(string name, string type, string help, Action<StringBuilder> write)
    {
        lock (_gate)
        {
            _writers.Add(text =>
            {
                text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
                text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
                write(text);
            });
        }
    }
}

/// <summary>Series of one metric by their label values.</summary>
internal sealed class MetricSeries<T>(int labels)
    where T : class, new()
{
    private static readonly string Other = "other";
    private readonly SortedDictionary<string, (string[] Values, T State)> _series = new(StringComparer.Ordinal);

    public IEnumerable<(string[] Values, T State)> All => _series.Values;

    /// <summary>Under the metric's lock.</summary>
    public T Of(string[] values)
    {
        if (values.Length != labels) throw new ArgumentException("As many values as labels.", nameof(values));
        var key = string.Join('\n', values);
        if (_series.TryGetValue(key, out var known)) return known.State;
        if (_series.Count >= MetricRegistry.MaxSeries)
        {
            values = [.. values.Select(static _ => Other)];
            key = string.Join('\n', values);
            if (_series.TryGetValue(key, out known)) return known.State;
        }
        var state = new T();
        _series.Add(key, (values, state));
        return state;
    }
}

/// <summary>A sum that only grows.</summary>
public sealed class MetricCounter
{
    private sealed class Sum
    {
        public double Value;
    }

    private readonly Lock _gate = new();
    private readonly string[] _labels;
    private readonly MetricSeries<Sum> _series;

    internal MetricCounter(string[] labels)
    {
        _labels = labels;
        _series = new MetricSeries<Sum>(labels.Length);
        if (labels.Length == 0) _series.Of([]);
    }

    public void Add(double value, params string[] labels)
    {
        lock (_gate) _series.Of(labels).Value += value;
    }

    internal void Write(StringBuilder text, string name)
    {
        lock (_gate)
        {
            foreach (var (values, sum) in _series.All) MetricRegistry.Line(text, name, MetricRegistry.Labels(_labels, values), sum.Value);
        }
    }
}

/// <summary>How often values fell below each bound.</summary>
public sealed class MetricHistogram
{
    private sealed class Buckets
    {
        public long[] Counts = [];
        public long Count;
        public double Sum;
    }

    private readonly Lock _gate = new();
    private readonly double[] _bounds;
    private readonly string[] _labels;
    private readonly MetricSeries<Buckets> _series;

    internal MetricHistogram(double[] bounds, string[] labels)
    {
        _bounds = bounds;
        _labels = labels;
        _series = new MetricSeries<Buckets>(labels.Length);
    }

    public void Observe(double value, params string[] labels)
    {
        lock (_gate)
        {
            var buckets = _series.Of(labels);
            if (buckets.Counts.Length == 0) buckets.Counts = new long[_bounds.Length];
            var place = Array.FindIndex(_bounds, bound => value <= bound);
            if (place >= 0) buckets.Counts[place]++;
            buckets.Count++;
            buckets.Sum += value;
        }
    }

    internal void Write(StringBuilder text, string name)
    {
        lock (_gate)
        {
            foreach (var (values, buckets) in _series.All)
            {
                long below = 0;
                for (var i = 0; i < _bounds.Length; i++)
                {
                    below += buckets.Counts[i];
                    MetricRegistry.Line(text, name + "_bucket", MetricRegistry.Labels(_labels, values, $"le=\"{MetricRegistry.Number(_bounds[i])}\""), below);
                }
                MetricRegistry.Line(text, name + "_bucket", MetricRegistry.Labels(_labels, values, "le=\"+Inf\""), buckets.Count);
                MetricRegistry.Line(text, name + "_sum", MetricRegistry.Labels(_labels, values), buckets.Sum);
                MetricRegistry.Line(text, name + "_count", MetricRegistry.Labels(_labels, values), buckets.Count);
            }
        }
    }
}
