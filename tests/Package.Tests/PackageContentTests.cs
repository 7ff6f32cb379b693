using System.IO.Compression;
using System.Xml.Linq;

namespace IsolatedAgents.Package.Tests;

/// <summary>What is in the package, and what must not be.</summary>
[TestClass]
public sealed class PackageContentTests
{
    private static readonly string[] Expected =
    [
        "IsolatedAgents.Tasks.nuspec",
        "build/IsolatedAgents.Tasks.props",
        "build/IsolatedAgents.Tasks.targets",
        "buildMultiTargeting/IsolatedAgents.Tasks.props",
        "buildMultiTargeting/IsolatedAgents.Tasks.targets",
        "schemas/events.schema.json",
        "schemas/policy.schema.json",
        .. Libraries.Select(name => $"tasks/{CompiledTaskTests.CompiledFolder}/{name}"),
        .. Libraries.Select(name => $"tasks/{CompiledTaskTests.PortableFolder}/{name}"),
        "tasks/supervisor/linux-x64/isolated-agents-supervisor",
    ];

    private static string[] Libraries =>
        [
            "DiffPlex.dll",
            "Docker.DotNet.dll",
            "IsolatedAgents.Core.dll",
            "IsolatedAgents.Protocol.dll",
            "IsolatedAgents.Tasks.deps.json",
            "IsolatedAgents.Tasks.dll",
            "Microsoft.Extensions.DependencyInjection.Abstractions.dll",
            "Microsoft.Extensions.DependencyInjection.dll",
            "Microsoft.Extensions.FileSystemGlobbing.dll",
            "Microsoft.Extensions.Logging.Abstractions.dll",
            "Microsoft.Extensions.Logging.dll",
            "Microsoft.Extensions.Options.dll",
            "Microsoft.Extensions.Primitives.dll",
            "Newtonsoft.Json.dll",
            "Spectre.Console.Ansi.dll",
            "Spectre.Console.dll",
        ];

    [TestMethod]
    public void Package_Always_HoldsTheTaskItsLibrariesAndTheSupervisorAlone()
    {
        using ZipArchive package = ZipFile.OpenRead(PackageFeed.PackageFile);

        // The rest belongs to the container's format.
        string[] entries =
        [
            .. package
                .Entries.Select(entry => entry.FullName)
                .Where(name =>
                    !name.StartsWith("_rels/", StringComparison.Ordinal)
                    && !name.StartsWith("package/", StringComparison.Ordinal)
                    && name != "[Content_Types].xml"
                )
                .Order(StringComparer.Ordinal),
        ];

        Assert.AreEqual(string.Join('\n', Expected), string.Join('\n', entries));
    }

    [TestMethod]
    public void Nuspec_Always_HasNoDependenciesAndIsForDevelopment()
    {
        using ZipArchive package = ZipFile.OpenRead(PackageFeed.PackageFile);
        using Stream stream = package.GetEntry("IsolatedAgents.Tasks.nuspec")!.Open();
        XElement metadata = XDocument.Load(stream).Root!.Elements().Single();
        Dictionary<string, string> values = metadata.Elements().ToDictionary(element => element.Name.LocalName, element => element.Value);

        Assert.AreEqual("IsolatedAgents.Tasks", values["id"]);
        Assert.AreEqual("true", values["developmentDependency"]);
        Assert.IsFalse(values.ContainsKey("dependencies"));
        Assert.IsFalse(values.ContainsKey("frameworkAssemblies"));
        Assert.AreEqual("MIT", values["license"]);
    }

    [TestMethod]
    public void Supervisor_Always_IsAnElfExecutable()
    {
        using ZipArchive package = ZipFile.OpenRead(PackageFeed.PackageFile);
        using Stream stream = package.GetEntry("tasks/supervisor/linux-x64/isolated-agents-supervisor")!.Open();
        byte[] head = new byte[20];
        stream.ReadExactly(head);

        Assert.AreEqual("7F454C46", Convert.ToHexString(head[..4]));
        Assert.AreEqual(0x3E, head[18], "x86-64");
    }

    [TestMethod]
    [DataRow(CompiledTaskTests.CompiledFolder)]
    [DataRow(CompiledTaskTests.PortableFolder)]
    public void DependencyFile_Always_NamesNoLibraryOfMSBuild(string folder)
    {
        using ZipArchive package = ZipFile.OpenRead(PackageFeed.PackageFile);
        using StreamReader reader = new(package.GetEntry($"tasks/{folder}/IsolatedAgents.Tasks.deps.json")!.Open());
        string text = reader.ReadToEnd();

        Assert.Contains("IsolatedAgents.Core", text);
        Assert.DoesNotContain("Microsoft.Build", text);
        Assert.DoesNotContain("System.Text.Json", text);
    }
}
