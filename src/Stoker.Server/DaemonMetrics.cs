using Stoker.Core.Settings;
using Stoker.Server.Admin;
using Stoker.Server.Http;

namespace Stoker.Server;

/// <summary>What the process itself measures, under the names that dashboards know.</summary>
internal static class DaemonMetrics
{
    public static void Add(MetricRegistry registry)
    {
        registry.Gauge("stoker_build", "Always 1; the version is the label.", static () => [(MetricRegistry.Labels(["version"], [ProgramVersion.Current]), 1)]);
        registry.Gauge("process_resident_memory_bytes", "Resident memory of the daemon, runners apart.", static () => [("", ProcessMemory.OfThisProcess().RssBytes)]);
        registry.Gauge("stoker_process_anonymous_memory_bytes", "Anonymous resident memory of the daemon, runners apart.", static () => [("", ProcessMemory.OfThisProcess().RssAnonBytes)]);
    }
}
