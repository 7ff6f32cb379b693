using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public static class NativeLibrarySetUp
{
    /// <summary>The published supervisor has the C library linked in; a managed run of the same code has to find it.</summary>
    [AssemblyInitialize]
    public static void Resolve(TestContext context) =>
        NativeLibrary.SetDllImportResolver(typeof(LibC).Assembly, (name, assembly, path) =>
            name == "c" ? NativeLibrary.Load("libc.so.6", assembly, path) : IntPtr.Zero
        );
}
