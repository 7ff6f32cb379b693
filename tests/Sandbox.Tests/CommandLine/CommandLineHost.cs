using System.Collections;
using System.Diagnostics;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>A folder of a test's own, from which it starts the real executable. Nothing that was started outlives it.</summary>
internal sealed class CommandLineHost : IDisposable
{
    private readonly List<CommandLineRun> _runs = [];

    public CommandLineHost()
    {
        Root = Directory.CreateTempSubdirectory("isolated-agents-test-").FullName;
        Workspace = Directory.CreateDirectory(Path.Combine(Root, "workspace")).FullName;
        Output = Path.Combine(Root, "output");
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
        {
            Environment[(string)entry.Key] = (string?)entry.Value;
        }

        // What the machine happens to be set to is not part of a test.
        Array.ForEach(["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "CI", "GITHUB_ACTIONS", "TF_BUILD"], name =>
            Environment[name] = null
        );
    }

    /// <summary>The current folder of what is started.</summary>
    public string Root { get; }

    public string Workspace { get; }

    public string Output { get; }

    public EngineCli Engine { get; init; } = EngineCli.Docker;

    /// <summary>Variables of what is started; null where one is left out.</summary>
    public Dictionary<string, string?> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>The agent that does what its verbs say.</summary>
    public static string Puppet { get; } = Path.Combine(AppContext.BaseDirectory, "Puppet", "puppet.py");

    /// <summary>
    /// What is published, where that is named; else what the project reference has built, in the artifacts of the same configuration.
    /// </summary>
    private static string Executable { get; } =
        System.Environment.GetEnvironmentVariable("IA_TEST_COMMAND_LINE") is { Length: > 0 } published
            ? published
            : Path.Combine(
                AppContext.BaseDirectory,
                "..",
                "..",
                "IsolatedAgents.Action",
                Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)),
                "isolated-agents"
            );

    /// <summary>Writes a file below the current folder and gives its absolute path.</summary>
    public string Write(string name, string text)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Starts the executable with exactly these arguments.</summary>
    public CommandLineRun Start(params string[] arguments) => StartProgram(Executable, arguments);

    /// <summary>Starts the executable from a shell script, where it is <c>"$@"</c>.</summary>
    public CommandLineRun StartFromScript(string script, params string[] arguments) =>
        StartProgram("sh", ["-c", script, "sh", Executable, .. arguments]);

    /// <summary>Starts a shell command in the small image, with the test's folders.</summary>
    public CommandLineRun StartCommand(string command, params string[] options) =>
        Start(["run", "--command", command, .. Usual(SandboxHost.BusyboxImage), .. options]);

    /// <summary>Starts the puppet with the test's folders.</summary>
    public CommandLineRun StartPuppet(string verbs, params string[] options) =>
        Start([
            "run",
            Puppet,
            .. Usual(SandboxHost.PythonImage),
            .. options,
            "--",
            .. verbs.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);

    public Task<CommandLineResult> RunCommandAsync(string command, CancellationToken cancellationToken, params string[] options) =>
        StartCommand(command, options).EndAsync(cancellationToken);

    public Task<CommandLineResult> RunPuppetAsync(string verbs, CancellationToken cancellationToken, params string[] options) =>
        StartPuppet(verbs, options).EndAsync(cancellationToken);

    /// <summary>The options of most runs.</summary>
    public string[] Usual(string image) =>
        ["--image", image, "--engine", Engine.Name, "--working-directory", Workspace, "--output-directory", Output];

    public void Dispose()
    {
        _runs.ForEach(run => run.Dispose());
        Directory.Delete(Root, recursive: true);
    }

    private CommandLineRun StartProgram(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            WorkingDirectory = Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string? value) in Environment)
        {
            start.Environment[name] = value;
        }

        CommandLineRun run = new(Process.Start(start)!);
        _runs.Add(run);
        return run;
    }
}
