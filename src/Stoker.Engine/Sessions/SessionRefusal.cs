using Stoker.Engine.Protocol;

namespace Stoker.Engine.Sessions;

/// <summary>Why a session cannot be continued with what is loaded, and what to do, in the words of the command line. Pure.</summary>
internal static class SessionRefusal
{
    /// <summary>Null: it can be.</summary>
    /// <param name="shown">The session's name.</param>
    /// <param name="layout">Of the caller's files; null: its cells lie in memory.</param>
    internal static string? Of(string shown, SnapshotHead kept, SessionIdentity here, KvLayout? layout)
    {
        var why = here.WhyNot(kept.Identity);
        if (why is null && Equals(layout, kept.Layout())) return null;
        var was = Flags(kept.Identity, isInFiles: kept.Rows is not null);
        var otherwise = $"choose another session name, or remove this one (stoker sessions rm {shown}); its text stays readable (stoker sessions show {shown})";
        if (kept.Identity.ModelDigest != here.ModelDigest)
        {
            var remedy = kept.Identity.Model == here.Model ? "" : $"Go on with that model (stoker run {kept.Identity.Model} --session {shown}), ";
            return Sentence($"Session {shown} cannot be continued with {here.Model}: {why}.", remedy, otherwise);
        }
        var now = Flags(here, isInFiles: layout is not null);
        if (was != now)
        {
            // auto may have chosen memory where files were asked for.
            var hint = layout is null && kept.Rows is not null ? " (where cells cannot lie in files, stoker ps says why)" : "";
            return Sentence(
                $"Session {shown} was kept with {was}, and {here.Model} is loaded with {now}{hint}.",
                $"Load it as it was (stoker stop {here.Model}, then stoker run {here.Model} --session {shown} {was}), ", otherwise);
        }
        why ??= $"its files were laid out on another machine, for memory pages of {kept.PageSizeBytes} bytes, and this one's have {layout?.PageSizeBytes}";
        return Sentence($"Session {shown} cannot be continued by this version of Stoker on this machine: {why}.", "", otherwise);
    }

    private static string Sentence(string what, string remedy, string otherwise) =>
        $"{what} {(remedy.Length > 0 ? $"{remedy}{otherwise}" : $"{char.ToUpperInvariant(otherwise[0])}{otherwise[1..]}")}.";

    private static string Flags(SessionIdentity identity, bool isInFiles)
    {
        var types = Array.ConvertAll(identity.KvTypes.Split('/'), KvTypeWord.Of);
        return $"--kv {(isInFiles ? "ssd" : "ram")} --kv-type {(types is [var keys, var values] && keys == values ? keys : string.Join('/', types))}";
    }
}
