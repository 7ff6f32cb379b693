using System.Diagnostics;
using System.Text.Json;
using IsolatedAgents.HostGrammar;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.ContinuousIntegration;

/// <summary>What a step has left when it is over, read as the runner reads it.</summary>
internal sealed record ActionOutcome(
    int ExitCode,
    string Raw,
    GitHubLog Log,
    Dictionary<string, string> Outputs,
    Dictionary<string, string> State,
    string Summary
)
{
    public string[] Errors => [.. Log.Named("error").Select(error => error.Data)];
}

/// <summary>
/// A job of the Actions runner with one step, the action: its folders, its variables and its <c>docker run</c>, none of them ours. Tokens
/// are in the variables as on a real runner.
/// </summary>
internal sealed class ActionStep : IDisposable
{
    /// <summary>Values that must never reach a sandbox.</summary>
    public static readonly string[] Tokens = ["ghs_runnertoken0123456789", "runtime-token-0123456789", "oidc-request-token-0123456789"];

    private const int User = 1001;

    private readonly string _work = Directory.CreateTempSubdirectory("ia-runner-").FullName;
    private readonly List<CommandLineRun> _runs = [];
    private readonly string _commands;

    public ActionStep()
    {
        RunnerWorkspace = Path.Combine(_work, "repo");
        Workspace = Directory.CreateDirectory(Path.Combine(_work, "repo", "repo")).FullName;
        Temp = Directory.CreateDirectory(Path.Combine(_work, "_temp")).FullName;
        _commands = Directory.CreateDirectory(Path.Combine(Temp, "_runner_file_commands")).FullName;
        Directory.CreateDirectory(Path.Combine(Temp, "_github_home"));
        Directory.CreateDirectory(Path.Combine(Temp, "_github_workflow"));
        Directory.CreateDirectory(Path.Combine(Workspace, ".git"));
        Array.ForEach(["output", "summary", "state", "env", "path"], name => File.WriteAllText(CommandFile(name), ""));
    }

    public string Workspace { get; }

    public string Temp { get; }

    /// <summary>The folder of the workspace, as the runner's machine knows it.</summary>
    public string RunnerWorkspace { get; set; }

    public Dictionary<string, string> Inputs { get; } =
        new(StringComparer.Ordinal) { ["command"] = "true", ["image"] = SandboxHost.BusyboxImage };

    public Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>When the step's summary was last written to.</summary>
    public DateTime SummaryWritten => File.GetLastWriteTimeUtc(CommandFile("summary"));

    /// <summary>More arguments of <c>docker run</c>.</summary>
    public List<string> Options { get; } = [];

    /// <summary>The image that the action file names; null for the one that is built from the repository.</summary>
    public string? Image { get; init; }

    public string Name { get; } = $"ia-step-{Guid.NewGuid():N}";

    public void Write(string name, string text)
    {
        string path = Path.Combine(Workspace, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    /// <summary>Has the runner's variable name a folder that is there, and that is another job's.</summary>
    public void UseWorkspaceOfAnotherJob(string file, string text)
    {
        RunnerWorkspace = Path.Combine(_work, "other");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(RunnerWorkspace, "repo")).FullName, file), text);
    }

    /// <summary>Leaves nothing in the container by which the engine knows it.</summary>
    public void HideContainerId()
    {
        string name = Path.Combine(_work, "hostname");
        File.WriteAllText(name, "chosen\n");
        Options.AddRange(["--hostname", "chosen", "-v", $"{name}:/etc/hostname:ro"]);
    }

    /// <summary>The step itself.</summary>
    public async Task<CommandLineRun> StartAsync(CancellationToken cancellationToken)
    {
        // A runner is a user of its own, and its folders are that user's.
        await HostProgram.RunAsync("chown", ["-R", $"{User}:{User}", _work], cancellationToken);
        await HostProgram.RunAsync("chmod", ["-R", "a+rX", _work], cancellationToken);
        return Start(Image ?? await ActionImage.TagAsync(), Name, []);
    }

    public async Task<ActionOutcome> RunAsync(CancellationToken cancellationToken)
    {
        CommandLineRun run = await StartAsync(cancellationToken);
        return await EndAsync(run, cancellationToken);
    }

    public async Task<ActionOutcome> EndAsync(CommandLineRun run, CancellationToken cancellationToken)
    {
        CommandLineResult result = await run.EndAsync(cancellationToken);
        string log = result.Output + result.Error;
        return new ActionOutcome(
            result.ExitCode,
            log,
            GitHubLog.Read(log),
            GitHubValues.Read(await File.ReadAllTextAsync(CommandFile("output"), cancellationToken)),
            GitHubValues.Read(await File.ReadAllTextAsync(CommandFile("state"), cancellationToken)),
            await File.ReadAllTextAsync(CommandFile("summary"), cancellationToken)
        );
    }

    /// <summary>
    /// The step's clean-up, which the runner starts from the same image with another entry point, the same arguments and what the step has
    /// saved.
    /// </summary>
    public async Task<ActionOutcome> CleanUpAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, string value) in GitHubValues.Read(await File.ReadAllTextAsync(CommandFile("state"), cancellationToken)))
        {
            Variables[$"STATE_{name}"] = value;
        }

        CommandLineRun run = Start(
            Image ?? await ActionImage.TagAsync(),
            $"{Name}-post",
            ["--entrypoint", "/usr/local/lib/isolated-agents/isolated-agents-post"]
        );
        return await EndAsync(run, cancellationToken);
    }

    /// <summary>The file that an output names, as a later step on the runner's machine opens it.</summary>
    public string Open(string output) => Path.Combine(Workspace, output);

    /// <summary>The events that the step has recorded.</summary>
    public JsonElement[] Events(ActionOutcome outcome) =>
        [
            .. File.ReadLines(Path.Combine(Path.GetDirectoryName(Open(outcome.Outputs["report"]))!, "session.jsonl"))
                .Select(line => JsonDocument.Parse(line).RootElement),
        ];

    public void Dispose()
    {
        _runs.ForEach(run => run.Dispose());
        Directory.Delete(_work, recursive: true);
    }

    private string CommandFile(string name) => Path.Combine(_commands, $"{name}_0a1b2c3d");

    private CommandLineRun Start(string image, string name, string[] entry)
    {
        // Values go through the client's own environment, by name, as the runner has it.
        Dictionary<string, string> variables = new(Variables, StringComparer.Ordinal)
        {
            ["HOME"] = "/github/home",
            ["GITHUB_ACTIONS"] = "true",
            ["CI"] = "true",
            ["GITHUB_WORKSPACE"] = "/github/workspace",
            ["GITHUB_REPOSITORY"] = "owner/repo",
            ["GITHUB_OUTPUT"] = "/github/file_commands/output_0a1b2c3d",
            ["GITHUB_STEP_SUMMARY"] = "/github/file_commands/summary_0a1b2c3d",
            ["GITHUB_STATE"] = "/github/file_commands/state_0a1b2c3d",
            ["GITHUB_ENV"] = "/github/file_commands/env_0a1b2c3d",
            ["GITHUB_PATH"] = "/github/file_commands/path_0a1b2c3d",
            ["RUNNER_TEMP"] = "/github/runner_temp",
            ["RUNNER_WORKSPACE"] = RunnerWorkspace,
            ["RUNNER_OS"] = "Linux",
            ["GITHUB_TOKEN"] = Tokens[0],
            ["ACTIONS_RUNTIME_TOKEN"] = Tokens[1],
            ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = Tokens[2],
        };
        string[] inputs =
        [
            "agent",
            "command",
            "args",
            "policy",
            "image",
            "working-directory",
            "output-directory",
            "allowed-endpoints",
            "memory-mb",
            "cpu-cores",
            "timeout-seconds",
            "max-output-bytes",
            "pip-packages",
            "telemetry-level",
            "telemetry-format",
            "fail-on",
            "environment",
            "report-directory",
            "attest-key",
            "audit-log",
            "engine",
        ];
        foreach (string input in inputs)
        {
            variables[$"INPUT_{input.ToUpperInvariant()}"] = Inputs.GetValueOrDefault(input, input == "engine" ? "auto" : "");
        }

        ProcessStartInfo start = new(
            "docker",
            [
                "run",
                "--name",
                name,
                "--label",
                "ia-test",
                "--workdir",
                "/github/workspace",
                "--rm",
                .. variables.Keys.SelectMany(variable => new[] { "-e", variable }),
                "-v",
                "/var/run/docker.sock:/var/run/docker.sock",
                "-v",
                $"{Temp}:/github/runner_temp",
                "-v",
                $"{Temp}/_github_home:/github/home",
                "-v",
                $"{Temp}/_github_workflow:/github/workflow",
                "-v",
                $"{_commands}:/github/file_commands",
                "-v",
                $"{Workspace}:/github/workspace",
                .. Options,
                .. entry,
                image,
                "action",
            ]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The client's own home is not the container's.
        start.Environment["DOCKER_CONFIG"] = "/nonexistent";
        foreach ((string variable, string value) in variables)
        {
            start.Environment[variable] = value;
        }

        CommandLineRun run = new(Process.Start(start)!);
        _runs.Add(run);
        return run;
    }
}
