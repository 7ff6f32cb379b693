using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Makes ASP.NET Core's shared framework loadable in processes that were started without it, MSBuild among them: every .NET SDK has it
/// beside the runtime. Nothing of it is loaded before a policy inspects an endpoint. Native executables hold what they need of it.
/// </summary>
internal static class AspNetCoreFramework
{
    private static readonly Lazy<string?> Folder = new(Find);

    // Runs that begin at once in one process wait for each other here.
    private static readonly Lazy<bool> IsAvailable = new(TryMakeAvailable);

    /// <exception cref="ConfigurationException">IA2004: the framework is not there.</exception>
    public static void MakeAvailable()
    {
        if (RuntimeFeature.IsDynamicCodeSupported && !IsAvailable.Value)
        {
            throw new ConfigurationException(
                DiagnosticTable.IsolationUnavailable,
                "'network.inspect' needs the shared framework Microsoft.AspNetCore.App beside the .NET runtime, which is not there. Install it, as every .NET SDK does, or inspect nothing."
            );
        }
    }

    private static bool TryMakeAvailable()
    {
        AssemblyLoadContext context = AssemblyLoadContext.GetLoadContext(typeof(AspNetCoreFramework).Assembly)
            ?? AssemblyLoadContext.Default;
        context.Resolving += Resolve;
        return Folder.Value is not null || IsLoaded(context);
    }

    private static bool IsLoaded(AssemblyLoadContext context)
    {
        try
        {
            return context.LoadFromAssemblyName(new AssemblyName("Microsoft.AspNetCore.Server.Kestrel.Core")) is not null;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Not reached in trimmed executables, which hold the assemblies.")]
    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
    {
        string? file = Folder.Value is { } folder && name.Name is { } simple ? Path.Combine(folder, simple + ".dll") : null;
        return file is not null && File.Exists(file) ? context.LoadFromAssemblyPath(file) : null;
    }

    /// <summary>The version of the running runtime, else the newest of the same major version.</summary>
    private static string? Find()
    {
        string runtime = Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory());
        string root = Path.Combine(runtime, "..", "..", "Microsoft.AspNetCore.App");
        string same = Path.Combine(root, Path.GetFileName(runtime));
        if (Directory.Exists(same))
        {
            return same;
        }

        return !Directory.Exists(root)
            ? null
            : Directory
                .GetDirectories(root)
                .Select(folder =>
                    (Folder: folder, Version: Version.TryParse(Path.GetFileName(folder), out Version? version) ? version : null)
                )
                .Where(found => found.Version?.Major == Environment.Version.Major)
                .OrderByDescending(found => found.Version)
                .Select(found => found.Folder)
                .FirstOrDefault();
    }
}
