using System.Diagnostics;

namespace IsolatedAgents.Package.Tests;

/// <summary>A project of a test's own that uses the package, in a folder outside the repository.</summary>
internal sealed class ConsumerProject : IDisposable
{
    public const string PythonImage = "isolated-agents/python:bookworm";
    public const string BusyboxImage = "isolated-agents/busybox:latest";

    private readonly List<RunningBuild> _builds = [];

    /// <param name="body">What stands in the project beside the reference to the package.</param>
    /// <param name="properties">Properties in place of the target framework.</param>
    public ConsumerProject(string body, string properties = DefaultProperties)
    {
        Folder = Path.Combine(PackageFeed.Root, "tests", Guid.NewGuid().ToString("N"));
        Copy(PackageFeed.TemplateFolder, Folder);
        Write(PackageFeed.ProjectName, ProjectText(body, properties));
        Write("Code.cs", "namespace App\n{\n    public static class Code\n    {\n    }\n}\n");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Puppet", "puppet.py"), PathOf("puppet.py"));
    }

    private const string DefaultProperties = "<TargetFramework>net10.0</TargetFramework>";

    public string Folder { get; }

    /// <summary>Variables of this project's builds, beside the usual ones; null removes one.</summary>
    public Dictionary<string, string?> Environment { get; } = new(StringComparer.Ordinal);

    public static string ProjectText(string body, string properties = DefaultProperties) =>
        $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>{properties}</PropertyGroup>
              <ItemGroup>
                <PackageReference Include="IsolatedAgents.Tasks" Version="{PackageFeed.Version}" PrivateAssets="all" />
              </ItemGroup>
            {body}
            </Project>
            """;

    /// <summary>A target that runs one step and writes the step's outputs to a file, even where the step fails.</summary>
    public static string Step(string attributes, string continueOnError = "ErrorAndContinue") =>
        $"""
              <Target Name="Step">
                <RunIsolatedAgent {attributes} ContinueOnError="{continueOnError}">
                  <Output TaskParameter="ExitCode" PropertyName="StepExitCode" />
                  <Output TaskParameter="Verdict" PropertyName="StepVerdict" />
                  <Output TaskParameter="Duration" PropertyName="StepDuration" />
                  <Output TaskParameter="SessionId" PropertyName="StepSessionId" />
                  <Output TaskParameter="ReportFile" PropertyName="StepReportFile" />
                  <Output TaskParameter="SarifFile" ItemName="StepReport" />
                  <Output TaskParameter="JUnitFile" ItemName="StepReport" />
                  <Output TaskParameter="SummaryFile" ItemName="StepReport" />
                  <Output TaskParameter="HtmlFile" ItemName="StepReport" />
                  <Output TaskParameter="AttestationFile" ItemName="StepReport" />
                  <Output TaskParameter="AuditHead" PropertyName="StepAuditHead" />
                  <Output TaskParameter="Violations" ItemName="StepViolation" />
                  <Output TaskParameter="Artifacts" ItemName="StepArtifact" />
                  <Output TaskParameter="Changes" ItemName="StepChange" />
                </RunIsolatedAgent>
                <ItemGroup>
                  <StepLine Include="ExitCode=$(StepExitCode)" />
                  <StepLine Include="Verdict=$(StepVerdict)" />
                  <StepLine Include="Duration=$(StepDuration)" />
                  <StepLine Include="SessionId=$(StepSessionId)" />
                  <StepLine Include="ReportFile=$(StepReportFile)" />
                  <StepLine Include="AuditHead=$(StepAuditHead)" />
                  <StepLine Include="@(StepReport->'Report=%(Identity)')" />
                  <StepLine Include="@(StepViolation->'Violation=%(Kind)|%(Rule)|%(Subject)|%(Action)')" />
                  <StepLine Include="@(StepChange->'Change=%(Identity)|%(Kind)|%(Status)|%(RunsCode)|%(Size)|%(Reason)')" />
                  <StepLine Include="@(StepArtifact->'Artifact=%(Identity)|%(Name)|%(Size)|%(Sha256)')" />
                </ItemGroup>
                <WriteLinesToFile File="step.txt" Lines="@(StepLine)" Overwrite="true" />
              </Target>
            """;

    public string PathOf(string name) => Path.Combine(Folder, name);

    public void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), text);
    }

    public string Read(string name) => File.ReadAllText(PathOf(name));

    /// <summary>What <see cref="Step"/> wrote of the step: the values of one output.</summary>
    public string[] Output(string name) =>
        [
            .. File.ReadLines(PathOf("step.txt"))
                .Where(line => line.StartsWith(name + "=", StringComparison.Ordinal))
                .Select(line => line[(name.Length + 1)..]),
        ];

    /// <summary>Line and column, from 1, of a text in a file.</summary>
    public (int Line, int Column) PlaceOf(string text, string name = PackageFeed.ProjectName)
    {
        string[] lines = File.ReadAllLines(PathOf(name));
        int line = Array.FindIndex(lines, candidate => candidate.Contains(text, StringComparison.Ordinal));
        return (line + 1, lines[line].IndexOf(text, StringComparison.Ordinal) + 1);
    }

    /// <summary>Builds to the end. The packages were restored with the template.</summary>
    public Task<BuildOutcome> BuildAsync(CancellationToken cancellationToken, params string[] arguments) =>
        StartBuild(arguments).CompleteAsync(cancellationToken);

    /// <summary>Runs the target that <see cref="Step"/> made, and nothing of the compiler.</summary>
    public Task<BuildOutcome> BuildStepAsync(CancellationToken cancellationToken, params string[] arguments) =>
        BuildAsync(cancellationToken, ["-t:Step", .. arguments]);

    /// <summary>Lets a restore of this project also take the packages that the restore of these tests downloaded.</summary>
    public void UseUserPackages() => PackageFeed.WriteSurroundings(Folder, PackageFeed.Metadata("PackageFolder"));

    public RunningBuild StartBuild(params string[] arguments) =>
        StartLogged(["build", PackageFeed.ProjectName, "--no-restore", .. arguments]);

    /// <summary>Starts <c>dotnet</c> with a command that takes MSBuild's switches.</summary>
    public RunningBuild StartLogged(params string[] arguments)
    {
        string log = PathOf($"build-{_builds.Count}.binlog");
        return Start(log, [.. arguments, "-nologo", $"-bl:{log}"]);
    }

    /// <summary>Starts <c>dotnet</c> with these arguments.</summary>
    public RunningBuild Start(string log, params string[] arguments)
    {
        ProcessStartInfo start = BuildEnvironment.Dotnet(Folder, arguments);
        foreach ((string name, string? value) in Environment)
        {
            start.Environment[name] = value;
        }

        var build = new RunningBuild(start, log);
        _builds.Add(build);
        return build;
    }

    public void Dispose()
    {
        foreach (RunningBuild build in _builds)
        {
            build.Dispose();
        }

        Directory.Delete(Folder, recursive: true);
    }

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
