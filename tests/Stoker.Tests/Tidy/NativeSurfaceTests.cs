using System.Reflection;

namespace Stoker.Tests.Tidy;

/// <summary>No pointer leaves Stoker.Native: memory, spans, leases and handles do.</summary>
public sealed class NativeSurfaceTests
{
    [Fact]
    public void PublicSurface_HasNoPointers()
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var wrong = Assembly.Load("Stoker.Native").GetExportedTypes().SelectMany(static type =>
            type.GetMethods(all).Where(static method => method.GetParameters().Select(static p => p.ParameterType).Append(method.ReturnType).Any(IsPointer)).Select(static method => (MemberInfo)method)
                .Concat(type.GetFields(all).Where(static field => IsPointer(field.FieldType))))
            .Where(static member => !IsSafeHandleMember(member)).Select(static member => $"{member.DeclaringType}.{member.Name}");
        Assert.Empty(wrong);
    }

    private static bool IsPointer(Type type) => type.IsPointer || type.IsFunctionPointer || type == typeof(nint) || type == typeof(nuint)
        || (type.HasElementType && IsPointer(type.GetElementType()!));

    // What every SafeHandle inherits and must override (ReleaseHandle, DangerousGetHandle) is not ours to shape.
    private static bool IsSafeHandleMember(MemberInfo member) => member.DeclaringType == typeof(System.Runtime.InteropServices.SafeHandle);
}
