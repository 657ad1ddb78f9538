using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;

namespace Stoker.Core.Settings;

/// <summary>Where everything lies under <c>STOKER_HOME</c>. Pure: makes no folder but in <see cref="CreateFolders"/>.</summary>
public sealed class StokerPaths
{
    /// <summary>Bytes of a Unix socket's address (<c>sun_path</c>, unix(7)) without the closing NUL.</summary>
    public const int MaxSocketBytes = 107;

    private readonly string? _runtimeDirectory;

    private StokerPaths(string home, string? runtimeDirectory)
    {
        Home = home;
        _runtimeDirectory = runtimeDirectory;
    }

    /// <summary>Absolute, without a closing slash.</summary>
    public string Home { get; }

    public string ConfigFile => Path.Combine(Home, "config.json");

    /// <summary>The editable table of short names.</summary>
    public string RegistryFile => Path.Combine(Home, "registry.json");

    public string OwnerLock => Path.Combine(Home, "owner.lock");
    public string Blobs => Path.Combine(Home, "blobs");
    public string Partial => Path.Combine(Home, "partial");
    public string Manifests => Path.Combine(Home, "manifests");

    /// <summary>A folder for each conversation that is kept; 0700.</summary>
    public string Sessions => Path.Combine(Home, "sessions");

    /// <summary>From which an API key's scope is made.</summary>
    public string ScopeSecret => Path.Combine(Sessions, ".scope-secret");

    public string Logs => Path.Combine(Home, "logs");

    /// <summary>Sockets and locks of running processes; 0700.</summary>
    public string Run => Path.Combine(Home, "run");

    public string DaemonLog => Path.Combine(Logs, "daemon.log");

    /// <summary>Held while a command starts the daemon, so that two do not.</summary>
    public string StartLock => Path.Combine(Run, "start.lock");

    /// <summary>The daemon's socket.</summary>
    public string Socket => SocketFor("stoker");

    /// <param name="home">Absolute folder.</param>
    /// <param name="environment">For <c>XDG_RUNTIME_DIR</c>.</param>
    public static StokerPaths Create(string home, IReadOnlyDictionary<string, string> environment)
    {
        if (!Path.IsPathFullyQualified(home)) throw new StokerException(ErrorKind.InvalidInput, $"home must be an absolute path, not '{Printable.Short(home)}'.");
        return new StokerPaths(Path.TrimEndingDirectorySeparator(Path.GetFullPath(home)), environment.GetValueOrDefault("XDG_RUNTIME_DIR"));
    }

    /// <summary>
    /// Path of a socket: <c>run/NAME.sock</c>, or where that is too long for the kernel,
    /// <c>$XDG_RUNTIME_DIR/NAME-HASH.sock</c> (hash of the home).
    /// </summary>
    /// <exception cref="StokerException">InvalidInput: neither fits.</exception>
    public string SocketFor(string name)
    {
        var near = Path.Combine(Run, name + ".sock");
        if (Encoding.UTF8.GetByteCount(near) <= MaxSocketBytes) return near;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Home)))[..16];
        if (!string.IsNullOrEmpty(_runtimeDirectory) && Path.IsPathFullyQualified(_runtimeDirectory))
        {
            var far = Path.Combine(_runtimeDirectory, $"{name}-{hash}.sock");
            if (Encoding.UTF8.GetByteCount(far) <= MaxSocketBytes) return far;
        }
        throw new StokerException(ErrorKind.InvalidInput,
            $"The socket {near} has a path of more than {MaxSocketBytes} bytes, the most that Linux takes: choose a shorter STOKER_HOME, or set XDG_RUNTIME_DIR.");
    }

    /// <summary>Makes the home and the folders every process needs, readable by their owner alone. Those that stand already are left as they are.</summary>
    public void CreateFolders()
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        try
        {
            foreach (var folder in new[] { Home, Run, Logs }) Directory.CreateDirectory(folder, OwnerOnly);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StokerException(ErrorKind.Io, $"{Home} cannot be used as STOKER_HOME: {problem.Message}", problem);
        }
    }
}
