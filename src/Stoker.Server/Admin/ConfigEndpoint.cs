using Stoker.Core.Settings;
using Stoker.Server.Admin.Contracts;
using Stoker.Server.Http;

namespace Stoker.Server.Admin;

/// <summary>The settings in force and where each came from. Secrets show that they are set, and nothing of themselves.</summary>
public sealed class ConfigEndpoint(EffectiveSettings settings)
{
    public void Map(RouteTable routes) => routes.Add("GET", AdminRoutes.Config, Exposure.Socket, call =>
        JsonResponse.WriteAsync(call.Http, Report(), AdminJson.Default.ConfigReport));

    private ConfigReport Report() => new([.. SettingNames.All.Select(setting =>
    {
        var values = setting.Show(settings.Options);
        var shown = values.Count == 0 ? null : setting.IsSecret ? "(set)" : string.Join(",", values);
        return new ConfigEntry(setting.Key, shown, settings.Origins[setting.Key].ToString().ToLowerInvariant());
    })]);
}
