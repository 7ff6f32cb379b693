using System.Collections.Immutable;
using System.Text.Json;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// A library for two frameworks whose agent counts its own runs, a library for one, an application that uses the first, and a solution of
/// all. Restored once; each test has a copy.
/// </summary>
internal sealed class GateSolution : IDisposable
{
    /// <summary>Holds the restored projects, once somebody has asked for them.</summary>
    private static readonly Lazy<Task<string>> Template = new(RestoreAsync);

    private static readonly string[] Projects = ["lib", "one", "app"];

    private readonly ConsumerProject _project = new("");

    private GateSolution() { }

    public string Folder => _project.Folder;

    public Dictionary<string, string?> Environment => _project.Environment;

    /// <summary>How often the agent of a project really ran: each run begins with a header in the audit log.</summary>
    public int RunsOf(string project) => Entries(project).Count(entry => entry.Name == "audit.opened");

    /// <param name="engine">Which engine the agents run on.</param>
    public static async Task<GateSolution> CreateAsync(string engine = "auto")
    {
        string template = await Template.Value;
        GateSolution solution = new();
        solution._project.UseUserPackages();
        solution.Environment["GateEngine"] = engine;
        if (engine == PodmanEngine.Name)
        {
            solution.Environment["DOCKER_HOST"] = null;
        }

        foreach (string folder in Projects)
        {
            Copy(Path.Combine(template, folder), Path.Combine(solution.Folder, folder));
        }

        File.Copy(Path.Combine(template, "all.slnx"), solution.PathOf("all.slnx"));
        return solution;
    }

    public string PathOf(string name) => _project.PathOf(name);

    public string Read(string name) => _project.Read(name);

    public void Write(string name, string text) => _project.Write(name, text);

    public NodesOfOneTest Nodes() => new(_project);

    /// <summary>The names and sessions of a log's entries.</summary>
    public ImmutableArray<(string Name, string Session)> Entries(string project)
    {
        string log = PathOf($"{project}/runs.jsonl");
        return File.Exists(log) ? [.. File.ReadLines(log).Select(Entry)] : [];

        static (string Name, string Session) Entry(string line)
        {
            using JsonDocument entry = JsonDocument.Parse(line);
            return (entry.RootElement.GetProperty("event.name").GetString()!, entry.RootElement.GetProperty("session.id").GetString()!);
        }
    }

    /// <summary>Runs <c>dotnet</c> on a project of the solution: <c>lib: build -f net10.0</c>.</summary>
    public Task<BuildOutcome> RunAsync(string command, CancellationToken cancellationToken) =>
        Start(command).CompleteAsync(cancellationToken);

    public RunningBuild Start(string command)
    {
        (string project, string[] words) = command.Split(": ", 2) is [{ } name, { } rest]
            ? (name, rest.Split(' '))
            : throw new ArgumentException(command);
        string path = project.Contains('.', StringComparison.Ordinal) ? project : $"{project}/{project}.csproj";
        return words[0] switch
        {
            // Its other arguments are the program's.
            "run" => _project.Start("", ["run", "--project", path, "--no-restore", .. words[1..]]),
            "clean" or "restore" or "msbuild" => _project.StartLogged([words[0], path, .. words[1..]]),
            _ => _project.StartLogged([words[0], path, "--no-restore", .. words[1..]]),
        };
    }

    public void Dispose() => _project.Dispose();

    private static async Task<string> RestoreAsync()
    {
        // Goes with the folder of all tests.
        ConsumerProject project = new("");
        project.UseUserPackages();
        project.Write("lib/Code.cs", "namespace Lib { public static class Code { public static void Main() { } } }\n");
        project.Write(
            "lib/agent.sh",
            "test ! -e \"$ISOLATED_AGENTS_WORKSPACE/fail\" && ls \"$ISOLATED_AGENTS_WORKSPACE\"/bin/*/*/lib.dll > /output/seen.txt; test ! -e \"$ISOLATED_AGENTS_WORKSPACE/fail\"\n"
        );
        project.Write("lib/lib.csproj", Library("<TargetFrameworks>net10.0;netstandard2.1</TargetFrameworks>"));
        project.Write("one/Code.cs", "namespace One { public static class Code { public static void Main() { } } }\n");
        project.Write("one/agent.sh", "test ! -e \"$ISOLATED_AGENTS_WORKSPACE/fail\" && echo ran > /output/seen.txt\n");
        project.Write(
            "one/one.csproj",
            Library(
                "<TargetFramework Condition=\"'$(AsList)' != 'true'\">net10.0</TargetFramework><TargetFrameworks Condition=\"'$(AsList)' == 'true'\">net10.0</TargetFrameworks>"
            )
        );
        project.Write("app/Program.cs", "Lib.Code.Main();\n");
        project.Write(
            "app/app.csproj",
            """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType></PropertyGroup>
              <ItemGroup>
                <ProjectReference Include="../lib/lib.csproj" Condition="'$(Reference)' == ''" />
                <ProjectReference Include="../lib/lib.csproj" Condition="'$(Reference)' == 'framework'" SetTargetFramework="TargetFramework=netstandard2.1" />
                <ProjectReference Include="../lib/lib.csproj" Condition="'$(Reference)' == 'configuration'" SetConfiguration="Configuration=Release" />
              </ItemGroup>
            </Project>
            """
        );
        project.Write(
            "all.slnx",
            "<Solution><Project Path=\"app/app.csproj\" /><Project Path=\"lib/lib.csproj\" /><Project Path=\"one/one.csproj\" /></Solution>"
        );
        BuildOutcome restore = await project.StartLogged("restore", "all.slnx").CompleteAsync(CancellationToken.None);
        Assert.AreEqual(0, restore.ExitCode, restore.Text);
        return project.Folder;
    }

    private static string Library(string frameworks) =>
        $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>{frameworks}</PropertyGroup>
              <ItemGroup>
                <PackageReference Include="IsolatedAgents.Tasks" Version="{PackageFeed.Version}" PrivateAssets="$(Assets)" />
                <IsolatedAgent Include="agent.sh" Image="{ConsumerProject.BusyboxImage}" Inputs="$(GateInputs)"
                               AuditLog="runs.jsonl" Engine="$(GateEngine)"
                               OutputDirectory="$(BaseIntermediateOutputPath)review/$(Configuration)/" Condition="'$(Items)' == ''" />
                <IsolatedAgent Include="agent.sh" Image="{ConsumerProject.BusyboxImage}" AuditLog="runs.jsonl" Engine="$(GateEngine)"
                               Condition="'$(Items)' == 'framework' and '$(TargetFramework)' == 'netstandard2.1'" />
              </ItemGroup>
              <PropertyGroup>
                <Assets Condition="'$(Assets)' == ''">all</Assets>
              </PropertyGroup>
              <Target Name="MakeItems" BeforeTargets="CoreCompile" Condition="'$(Items)' == 'made'">
                <ItemGroup>
                  <IsolatedAgent Include="agent.sh" Image="{ConsumerProject.BusyboxImage}" AuditLog="runs.jsonl" Engine="$(GateEngine)" />
                </ItemGroup>
              </Target>
              <Target Name="Step" Condition="'$(Items)' == 'target'">
                <RunIsolatedAgent Agent="agent.sh" Image="{ConsumerProject.BusyboxImage}" AuditLog="runs.jsonl" Engine="$(GateEngine)" />
              </Target>
            </Project>
            """;

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (string folder in Directory.EnumerateDirectories(from))
        {
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
        }
    }
}
