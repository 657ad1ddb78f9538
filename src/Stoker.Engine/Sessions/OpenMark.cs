using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stoker.Core.Settings;

namespace Stoker.Engine.Sessions;

/// <summary>
/// What stands in a session's lock while it is open, and is taken out when it is closed: found by the next one to open it, it
/// says that the last one was killed.
/// </summary>
/// <param name="BootId">Of the machine's start.</param>
/// <param name="ProcessId">Within that start; 0: nobody has it open, but what is in doubt was not read to its end.</param>
/// <param name="Cells">Cells that nobody has written since they were saved and the session came to rest, or was opened.</param>
internal sealed record OpenMark(string BootId, int ProcessId, int Cells)
{
    private const int MaxBytes = 200;

    internal static string ThisBoot { get; } = OwnerRecord.OfThisProcess().BootId;

    internal static void Write(SafeFileHandle file, int cells, bool isOpen = true)
    {
        // In one write of one length, so that a kill leaves the old mark or the new.
        var text = string.Create(CultureInfo.InvariantCulture, $"{ThisBoot} {(isOpen ? Environment.ProcessId : 0)} {cells}").PadRight(MaxBytes - 1) + "\n";
        RandomAccess.Write(file, Encoding.ASCII.GetBytes(text), 0);
    }

    /// <summary>It is closed. The block stays, so that it can be opened again on a full disk.</summary>
    internal static void Clear(SafeFileHandle file) => RandomAccess.Write(file, Encoding.ASCII.GetBytes("closed".PadRight(MaxBytes - 1) + "\n"), 0);

    /// <summary>Null: it was closed, or never opened.</summary>
    internal static OpenMark? Read(SafeFileHandle file)
    {
        var buffer = new byte[MaxBytes];
        var length = RandomAccess.Read(file, buffer, 0);
        if (length == 0) return null;
        var words = Encoding.ASCII.GetString(buffer, 0, length).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words is ["closed"]) return null;
        return words.Length == 3 && int.TryParse(words[1], CultureInfo.InvariantCulture, out var pid) && int.TryParse(words[2], CultureInfo.InvariantCulture, out var cells) && cells >= 0
            ? new OpenMark(words[0], pid, cells)
            : new OpenMark("", 0, 0); // something was open, and nothing more is known
    }
}
