using System.Text;

namespace Stoker.Cli.Output;

/// <summary>Writes whole lines to two places, e.g. the terminal and the log. One caller at a time; disposes the second.</summary>
public sealed class TeeWriter(TextWriter first, TextWriter second) : TextWriter
{
    public override Encoding Encoding => first.Encoding;

    public override void Write(char value)
    {
        first.Write(value);
        second.Write(value);
    }

    public override void Write(string? value)
    {
        first.Write(value);
        second.Write(value);
    }

    public override void WriteLine(string? value)
    {
        first.WriteLine(value);
        second.WriteLine(value);
    }

    public override void Flush()
    {
        first.Flush();
        second.Flush();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) second.Dispose();
        base.Dispose(disposing);
    }
}
