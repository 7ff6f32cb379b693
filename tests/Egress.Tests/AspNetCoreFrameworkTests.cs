using System.Reflection;
using System.Runtime.Loader;
using IsolatedAgents.Egress.Inspection;

namespace IsolatedAgents.Egress.Tests;

/// <summary>
/// Kestrel is found where a process was started without it, and in the context that a host of plug-ins, such as MSBuild, loads the library
/// into.
/// </summary>
[TestClass]
public sealed class AspNetCoreFrameworkTests
{
    [TestMethod]
    public void MakeAvailable_InAContextOfItsOwn_LoadsKestrelThereAndNotBefore()
    {
        PluginContext context = new(typeof(AspNetCoreFramework).Assembly.Location);
        Assembly core = context.LoadFromAssemblyPath(typeof(AspNetCoreFramework).Assembly.Location);
        Assert.DoesNotContain("Microsoft.AspNetCore", string.Join(' ', context.Assemblies.Select(assembly => assembly.GetName().Name)));
        core.GetType(typeof(AspNetCoreFramework).FullName!)!.GetMethod(nameof(AspNetCoreFramework.MakeAvailable))!.Invoke(null, null);
        Assembly kestrel = context.LoadFromAssemblyName(new AssemblyName("Microsoft.AspNetCore.Server.Kestrel.Core"));
        Assert.AreSame(context, AssemblyLoadContext.GetLoadContext(kestrel));

        // Its types can be made, so what it needs in turn is found too, and is ours where we carry it.
        object options = Activator.CreateInstance(kestrel.GetType("Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions")!)!;
        Assert.IsNotNull(options.GetType().GetProperty("Limits")!.GetValue(options));
        Assert.IsNotNull(core.GetType("IsolatedAgents.Egress.Inspection.InspectionServer")!.GetConstructors().Single().GetParameters());
    }

    private sealed class PluginContext(string main) : AssemblyLoadContext("plug-in")
    {
        private readonly string _folder = Path.GetDirectoryName(main)!;

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            string file = Path.Combine(_folder, assemblyName.Name + ".dll");
            return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
        }
    }
}
