using System.Diagnostics;
using System.Reflection;

namespace IsolatedAgents.Package.Tests;

/// <summary>The package as it would be published, packed once for all tests, and a restored project that they copy.</summary>
[TestClass]
public static class PackageFeed
{
    /// <summary>Name of the projects that use the package.</summary>
    internal const string ProjectName = "app.csproj";

    private static string? s_root;

    /// <summary>A version of this run's own: NuGet keeps what it once unpacked under a version.</summary>
    internal static string Version { get; } = $"0.1.0-test.{Guid.NewGuid():N}";

    /// <summary>Holds everything of this run; outside the repository, so that none of its files counts.</summary>
    internal static string Root => s_root ?? throw new InvalidOperationException("The package has not been packed.");

    internal static string PackageFile => Path.Combine(Root, "feed", $"IsolatedAgents.Tasks.{Version}.nupkg");

    /// <summary>Where these tests' builds unpack packages: not the user's folder.</summary>
    internal static string PackagesFolder => Path.Combine(Root, "packages");

    /// <summary>A restored project without a body.</summary>
    internal static string TemplateFolder => Path.Combine(Root, "template");

    [AssemblyInitialize]
    public static async Task SetUpAsync(TestContext context)
    {
        s_root = Directory.CreateTempSubdirectory("isolated-agents-package-").FullName;
        try
        {
            await PackAsync(context.CancellationToken);
        }
        catch
        {
            // Without a set-up there is no clean-up.
            Remove();
            throw;
        }
    }

    [AssemblyCleanup]
    public static void Remove()
    {
        if (s_root is { } root)
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>What keeps a project apart from whatever lies in the folders above it.</summary>
    /// <param name="folder">The project's folder.</param>
    /// <param name="fallback">Folder with unpacked packages that a restore may also use.</param>
    internal static void WriteSurroundings(string folder, string? fallback = null)
    {
        Directory.CreateDirectory(folder);
        string added = fallback is null ? "" : $"<add key=\"user\" value=\"{fallback}\" />";
        Write(
            "nuget.config",
            $"<configuration><packageSources><clear /><add key=\"feed\" value=\"{Path.Combine(Root, "feed")}\" /></packageSources>"
                + $"<packageSourceMapping><clear /></packageSourceMapping><fallbackPackageFolders><clear />{added}</fallbackPackageFolders></configuration>"
        );
        Write("Directory.Build.props", "<Project />");
        Write("Directory.Build.targets", "<Project />");
        Write("Directory.Packages.props", "<Project />");
        Write(".editorconfig", "root = true\n");

        void Write(string name, string text) => File.WriteAllText(Path.Combine(folder, name), text);
    }

    /// <summary>What the project file of these tests wrote into the assembly.</summary>
    internal static string Metadata(string key) =>
        typeof(PackageFeed).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    private static async Task PackAsync(CancellationToken cancellationToken)
    {
        // What was built along with these tests, as it is: another build would replace files that running tests have open.
        await RunAsync(
            "pack",
            Metadata("TasksProject"),
            "-c",
            Metadata("Configuration"),
            "--no-build",
            $"-p:Version={Version}",
            $"-p:NuspecOutputPath={Path.Combine(Root, "nuspec")}/",
            "-o",
            Path.Combine(Root, "feed"),
            "-nologo",
            "-v:quiet"
        );
        WriteSurroundings(TemplateFolder);
        await File.WriteAllTextAsync(Path.Combine(TemplateFolder, ProjectName), ConsumerProject.ProjectText(""), cancellationToken);
        await RunAsync("restore", Path.Combine(TemplateFolder, ProjectName), "-nologo", "-v:quiet");
    }

    private static async Task RunAsync(params string[] arguments)
    {
        using Process process = Process.Start(BuildEnvironment.Dotnet(Root, arguments))!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.AreEqual(0, process.ExitCode, $"dotnet {string.Join(' ', arguments)}\n{output}{await error}");
    }
}
