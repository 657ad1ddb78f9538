using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Stoker.Native.Llama;

/// <summary>
/// llama.cpp's shared libraries, loaded once into this process. Whoever has an instance may use models and contexts; without
/// one nothing of llama.cpp is touched. Absence is a value with a reason, never a crash.
/// </summary>
public sealed unsafe class LlamaLibrary
{
    /// <summary>The llama.cpp release that Stoker is built against, as the library's own version begins.</summary>
    public const string PinnedVersion = "0.5.0";

    private static readonly Lock LoadLock = new();
    private static LlamaLibrary? _loaded;
    private static nint _llama, _ggml, _ggmlBase;
    private static bool _resolverSet;

    private LlamaLibrary(string folder, LlamaLog log)
    {
        Folder = folder;
        Log = log;
        Version = Text(LlamaNative.llama_version());
        GgmlVersion = Text(LlamaNative.ggml_version());
        GgmlCommit = Text(LlamaNative.ggml_commit());
        SystemFeatures = Text(LlamaNative.llama_print_system_info());
        HasGpu = LlamaNative.llama_supports_gpu_offload() != 0;
    }

    /// <summary>There is a GPU here, and a backend that can use it.</summary>
    public bool HasGpu { get; }

    /// <summary>Where the libraries were found.</summary>
    public string Folder { get; }

    public LlamaLog Log { get; }

    /// <summary>e.g. <c>0.5.0-dev</c>.</summary>
    public string Version { get; }
    public string GgmlVersion { get; }
    public string GgmlCommit { get; }

    /// <summary>Backends and processor features in use; part of the fingerprint, because they decide the last bits of a logit.</summary>
    public string SystemFeatures { get; }

    /// <summary>All that must be equal for logits to be bit-identical and for a saved state to be read again.</summary>
    public string Fingerprint => $"llama {Version} ggml {GgmlVersion} {GgmlCommit} {SystemFeatures}";

    /// <summary>The places to look when nobody names one: beside the program, as the build lays them.</summary>
    public static IReadOnlyList<string> DefaultPlaces(string programFolder) =>
        [Path.Combine(programFolder, "runtimes", "linux-x64", "native"), programFolder];

    /// <summary>
    /// Loads from the first of the folders that has the libraries. Thread-safe; once loaded, later calls give the same instance,
    /// wherever they look.
    /// </summary>
    /// <param name="places">Folders, in order. An override (<c>STOKER_LLAMA_DIR</c>) is passed alone: it is then that or nothing.</param>
    /// <param name="log">Receives what llama.cpp prints from now on.</param>
    /// <param name="reason">On failure: what was wrong in each place, and what to do.</param>
    public static bool TryLoad(IReadOnlyList<string> places, LlamaLog log, [NotNullWhen(true)] out LlamaLibrary? library, [NotNullWhen(false)] out string? reason)
    {
        lock (LoadLock)
        {
            reason = null;
            library = _loaded;
            if (library is not null) return true;
            if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !OperatingSystem.IsLinux())
            {
                reason = "llama.cpp's libraries are only known for Linux on x64.";
                return false;
            }
            var problems = new List<string>();
            foreach (var place in places)
            {
                if (TryLoadFrom(place, log, out var problem))
                {
                    library = _loaded = new LlamaLibrary(place, log);
                    return true;
                }
                problems.Add($"{place}: {problem}");
            }
            reason = $"llama.cpp {PinnedVersion} could not be loaded. Searched: {string.Join("; ", problems)}. "
                + "Build again to restore the libraries, or let STOKER_LLAMA_DIR name a folder that has them.";
            return false;
        }
    }

    private static bool TryLoadFrom(string place, LlamaLog log, [NotNullWhen(false)] out string? problem)
    {
        if (!Directory.Exists(place))
        {
            problem = "no such folder";
            return false;
        }
        var opened = new List<nint>();
        problem = Open(place, ["libggml-base.so"], opened, out _ggmlBase)
            ?? Open(place, [$"libggml.v{PinnedVersion}.so", "libggml.so"], opened, out _ggml)
            ?? Open(place, [$"libllama.v{PinnedVersion}.so", "libllama.so"], opened, out _llama)
            ?? FindMissingExport()
            ?? FindOtherVersion()
            ?? LlamaLayouts.FindMismatch(_llama)
            ?? Start(place, log);
        if (problem is null) return true;
        _llama = _ggml = _ggmlBase = 0;
        // Not closed again after Start: backends register destructors and threads. A failed start leaves the files mapped.
        return false;
    }

    private static string? Open(string place, ReadOnlySpan<string> names, List<nint> opened, out nint handle)
    {
        handle = 0;
        foreach (var name in names)
        {
            var path = Path.GetFullPath(Path.Combine(place, name));
            if (!File.Exists(path)) continue;
            try
            {
                handle = NativeLibrary.Load(path);
                opened.Add(handle);
                return null;
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                CloseAll(opened);
                return $"{name} does not load ({FirstLine(error.Message)})";
            }
        }
        CloseAll(opened);
        return $"no {names[0]}";
    }

    private static string? FindMissingExport()
    {
        foreach (var method in typeof(LlamaNative).GetMethods(BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.DeclaredOnly))
        {
            // Functions that need marshalling (handles) have a stub; the names are the C names either way.
            var name = method.Name;
            if (!name.StartsWith("llama_", StringComparison.Ordinal) && !name.StartsWith("ggml_", StringComparison.Ordinal)) continue;
            if (!NativeLibrary.TryGetExport(_llama, name, out _) && !NativeLibrary.TryGetExport(_ggml, name, out _) && !NativeLibrary.TryGetExport(_ggmlBase, name, out _))
                return $"the libraries have no {name}: another version";
        }
        return null;
    }

    private static string? FindOtherVersion()
    {
        // Through the export, not the extern: an extern stays bound to the first library it met.
        var version = Text(((delegate* unmanaged[Cdecl]<byte*>)NativeLibrary.GetExport(_llama, "llama_version"))());
        return version.StartsWith(PinnedVersion, StringComparison.Ordinal) ? null : $"version {version}, but Stoker knows {PinnedVersion}";
    }

    private static string? Start(string place, LlamaLog log)
    {
        if (!_resolverSet)
        {
            NativeLibrary.SetDllImportResolver(typeof(LlamaLibrary).Assembly, static (name, _, _) => name switch
            {
                LlamaNative.Llama => _llama,
                LlamaNative.Ggml => _ggml,
                LlamaNative.GgmlBase => _ggmlBase,
                _ => 0, // libc: as usual
            });
            _resolverSet = true;
        }
        log.Install();
        fixed (byte* folder = Encoding.UTF8.GetBytes(Path.GetFullPath(place) + '\0')) LlamaNative.ggml_backend_load_all_from_path(folder);
        const int cpuDevice = 0; // GGML_BACKEND_DEVICE_TYPE_CPU
        if (LlamaNative.ggml_backend_dev_by_type(cpuDevice) == 0) return "no libggml-cpu-*.so there suits this processor";
        LlamaNative.llama_backend_init();
        return null;
    }

    private static void CloseAll(List<nint> opened)
    {
        opened.ForEach(NativeLibrary.Free);
        opened.Clear();
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0];

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
