using System.Diagnostics;
using Stoker.Scenarios.Harness;

namespace Stoker.Scenarios.Fetch;

/// <summary>The lab tool that interferes with the N-th call that changes a file; built once, tests are skipped without a C compiler.</summary>
internal static class FaultCall
{
    private static readonly Lazy<string?> Built = new(Build);

    internal static string PathOrSkip()
    {
        if (Built.Value is null) Assert.Skip("SKIPPED: there is no gcc here (or this is not x86-64): crashes at each durable step are not tested.");
        return Built.Value!;
    }

    private static string? Build()
    {
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64) return null;
        var output = Path.Combine(AppContext.BaseDirectory, "faultcall");
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("gcc", ["-O2", "-o", output, Path.Combine(BuiltProgram.Repository, "tools/lab/faultcall/faultcall.c")]))!;
            compiler.WaitForExit();
            return compiler.ExitCode == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
