using Stoker.Native.Llama;

namespace Stoker.Tests.Native.Llama;

/// <summary>The layout of ggml's buffers is taken for known only where a buffer that the library made has everything in its place.</summary>
public sealed class BufferHookTests
{
    private const nint Type = 0x7000;
    private const nuint Size = 256;
    private const nint Context = 0x1008;
    private const nint Address = 0x1020; // the context's, aligned to 32

    public static TheoryData<string> Faults => ["type", "size", "usage", "context", "free", "base", "set", "get", "clear"];

    [Fact]
    public void IsAsKnown_EverythingInPlace_IsTrue() => Assert.True(BufferHook.IsAsKnown(Buffer(), Type, Size, Address));

    [Theory]
    [MemberData(nameof(Faults))]
    public void IsAsKnown_OneThingElsewhere_IsFalse(string fault)
    {
        var buffer = Buffer();
        switch (fault)
        {
            case "type": buffer.Type++; break;
            case "size": buffer.Size++; break;
            case "usage": buffer.Usage = 1; break;
            case "context": buffer.Context += 32; break;
            case "free": buffer.Interface.FreeBuffer = 0; break;
            case "base": buffer.Interface.GetBase = 0; break;
            case "set": buffer.Interface.SetTensor = 0; break;
            case "get": buffer.Interface.GetTensor = 0; break;
            default: buffer.Interface.Clear = 0; break;
        }
        Assert.False(BufferHook.IsAsKnown(buffer, Type, Size, Address));
    }

    private static BufferNative Buffer() => new()
    {
        Interface = new BufferInterface { FreeBuffer = 1, GetBase = 2, SetTensor = 3, GetTensor = 4, Clear = 5 },
        Type = Type,
        Context = Context,
        Size = Size,
    };
}
