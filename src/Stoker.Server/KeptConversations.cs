using Microsoft.Extensions.Logging;
using Stoker.Core.Errors;
using Stoker.Engine;
using Stoker.Engine.Kv;
using Stoker.Engine.Protocol;
using Stoker.Engine.Sessions;
using Stoker.Server.Http;

namespace Stoker.Server;

/// <summary>
/// What the daemon itself does for the conversations of its home: it looks after them when it starts, and knows the secret of their
/// scopes. Where their folder is of no use that is said once, whoever needs it is refused, and everybody else is answered. Thread-safe.
/// </summary>
internal sealed class KeptConversations(SessionStore sessions, ServerStart start, ILogger logger)
{
    private readonly Lock _gate = new();
    private ScopeSecret? _secret;

    /// <summary>For the daemon's start; never fails it.</summary>
    public void LookAfter()
    {
        var options = start.Settings.Options;
        try
        {
            if (sessions.Recover() is > 0 and var folders) ServerLog.RecoveredSessions(logger, folders);
            if (options.PromptCacheBytes == 0 && sessions.RemoveCached(static _ => true) is > 0 and var removed) ServerLog.PromptCacheRemoved(logger, removed);
            _ = ScopeSecretBytes();
            KvFolder.Check(LoadWords.Kv(options.Kv) == KvMode.Ram ? KvMode.Ram : KvMode.Ssd, start.Paths.Sessions);
        }
        catch (StokerException error)
        {
            ServerLog.SessionsUnusable(logger, error.Message);
        }
    }

    /// <summary>The secret under which an API key becomes a scope.</summary>
    /// <exception cref="StokerException">Io; the next call tries again.</exception>
    public ReadOnlyMemory<byte> ScopeSecretBytes()
    {
        lock (_gate)
        {
            if (_secret is { } known) return known.Bytes;
            var secret = ScopeSecret.ReadOrCreate(start.Paths.ScopeSecret);
            if (secret.WhyNew is { } reason) LoseThoseOfKeys(reason);
            return (_secret = secret).Bytes;
        }
    }

    // Under the new secret nobody can ask for what was kept under the old one.
    private void LoseThoseOfKeys(string reason)
    {
        var named = sessions.List().Count(static session => ApiKeyCheck.IsScopeOfKey(session.Scope));
        var cached = sessions.RemoveCached(ApiKeyCheck.IsScopeOfKey);
        if (named + cached > 0) ServerLog.ScopeSecretLost(logger, start.Paths.ScopeSecret, reason, named, cached);
    }
}
