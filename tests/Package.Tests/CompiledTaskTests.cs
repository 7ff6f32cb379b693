using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;

namespace IsolatedAgents.Package.Tests;

/// <summary>The task that is compiled ahead of time for Linux on x64, and the portable one for everywhere else.</summary>
[TestClass]
public sealed class CompiledTaskTests
{
    internal const string CompiledFolder = "net10.0-linux-x64";
    internal const string PortableFolder = "net10.0";

    private const int Minutes = 180_000;

    // readytorun.h of the runtime: the first bytes of the native header, "RTR" and a zero; pedecoder.h: what Linux turns the machine of a
    // file into.
    private const uint Signature = 0x00525452;
    private const int LinuxMask = 0x7B79;

    public required TestContext TestContext { get; init; }

    private static string[] OwnLibraries => ["IsolatedAgents.Core.dll", "IsolatedAgents.Protocol.dll", "IsolatedAgents.Tasks.dll"];

    // What a run loads before its agent starts.
    private static string[] StartLibraries =>
        [
            .. OwnLibraries,
            "Docker.DotNet.dll",
            "Newtonsoft.Json.dll",
            "Microsoft.Extensions.Logging.dll",
            "Microsoft.Extensions.Logging.Abstractions.dll",
            "Microsoft.Extensions.Options.dll",
            "Microsoft.Extensions.Primitives.dll",
        ];

    [TestMethod]
    public void CompiledFolder_EveryLibraryOfTheStart_HoldsCodeForLinuxOnX64()
    {
        foreach (string name in StartLibraries)
        {
            using PEReader library = Open(CompiledFolder, name);
            DirectoryEntry header = library.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory;

            Assert.AreNotEqual(0, header.Size, name);
            Assert.AreEqual(Signature, library.GetSectionData(header.RelativeVirtualAddress).GetReader().ReadUInt32(), name);
            Assert.AreEqual((int)Machine.Amd64 ^ LinuxMask, (int)library.PEHeaders.CoffHeader.Machine, name);
        }
    }

    [TestMethod]
    public void PortableFolder_OwnLibraries_HoldNoNativeCode()
    {
        foreach (string name in OwnLibraries)
        {
            using PEReader library = Open(PortableFolder, name);

            Assert.AreEqual(0, library.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size, name);
            Assert.AreEqual(CorFlags.ILOnly, library.PEHeaders.CorHeader.Flags & CorFlags.ILOnly, name);
        }
    }

    [TestMethod]
    public void BothFolders_OwnLibraries_AreOfOneBuild()
    {
        foreach (string name in OwnLibraries)
        {
            using PEReader compiled = Open(CompiledFolder, name);
            using PEReader portable = Open(PortableFolder, name);

            Assert.AreEqual(BuildOf(portable), BuildOf(compiled), name);
        }
    }

    [TestMethod]
    [DataRow("AssemblyTaskFactory")]
    [DataRow("TaskHostFactory")]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_OnThisMachine_LoadsTheTaskThatWasCompiledForIt(string factory)
    {
        bool isCompiledFor = OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

        await AssertRunsFromAsync(isCompiledFor ? CompiledFolder : PortableFolder, $"-p:IsolatedAgentsTaskFactory={factory}");
    }

    [TestMethod]
    [Timeout(Minutes, CooperativeCancellation = true)]
    public async Task Build_PortableFolderAskedFor_LoadsThatOne() =>
        await AssertRunsFromAsync(PortableFolder, $"-p:IsolatedAgentsTasksFolder={PortableFolder}");

    private async Task AssertRunsFromAsync(string folder, params string[] arguments)
    {
        using ConsumerProject project = new(
            ConsumerProject.Step($"Command=\"echo ran > /output/a\" OutputDirectory=\"out\" Image=\"{ConsumerProject.BusyboxImage}\"")
        );
        BuildOutcome build = await project.BuildStepAsync(TestContext.CancellationToken, arguments);

        build.AssertPassed();
        Assert.AreEqual("ran\n", project.Read("out/a"));
        string expected = Path.Combine(
            PackageFeed.PackagesFolder,
            "isolatedagents.tasks",
            PackageFeed.Version,
            "tasks",
            folder,
            "IsolatedAgents.Tasks.dll"
        );
        Assert.AreEqual(expected, Path.GetFullPath(build.TaskAssembly));
    }

    private static PEReader Open(string folder, string name)
    {
        using ZipArchive package = ZipFile.OpenRead(PackageFeed.PackageFile);
        using Stream stream = package.GetEntry($"tasks/{folder}/{name}")!.Open();
        using MemoryStream content = new();
        stream.CopyTo(content);
        return new PEReader(ImmutableCollectionsMarshal.AsImmutableArray(content.ToArray()));
    }

    private static Guid BuildOf(PEReader library)
    {
        MetadataReader metadata = library.GetMetadataReader();
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }
}
