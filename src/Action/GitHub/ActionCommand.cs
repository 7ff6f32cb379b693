using System.Collections.Frozen;
using System.CommandLine;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Hosts;
using IsolatedAgents.Hosts.GitHub;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action.GitHub;

/// <summary>Runs what the action's image starts: the step itself, or its clean-up.</summary>
internal sealed class ActionCommand
{
    /// <summary>
    /// The name under which the image has this program a second time, since the runner passes the clean-up the same arguments.
    /// </summary>
    public const string CleanUpProgram = "isolated-agents-post";

    private const string AuditName = "audit.jsonl";

    private readonly Terminal _terminal;
    private readonly PrepareRun _prepareRun;
    private readonly ActionInputs _inputs;

    private ActionCommand(Terminal terminal, PrepareRun prepareRun)
    {
        _terminal = terminal;
        _prepareRun = prepareRun;
        _inputs = new ActionInputs(terminal.Environment);
    }

    private FrozenDictionary<string, string> Environment => _terminal.Environment;

    public static Command Create(Terminal terminal, PrepareRun prepareRun)
    {
        Command command = new("action", "Runs an agent as the GitHub action does, from the inputs in the environment.") { Hidden = true };
        command.SetAction(
            (_, token) =>
                terminal.ProgramName == CleanUpProgram
                    ? new StepCleanUp(terminal).RunAsync(token)
                    : new ActionCommand(terminal, prepareRun).RunAsync(token)
        );
        return command;
    }

    private async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        HostedRun run = new(_terminal, _prepareRun, new GitHubHost());
        try
        {
            AgentRunRequest request = Request();
            StepState.Save(Environment, request);
            OwnedFiles owned = OwnedFiles.Before(request);
            return (await run.RunAsync(request, owned.GiveAway, cancellationToken)).ExitCode;
        }
        catch (ConfigurationException failure)
        {
            return run.Refuse(failure).ExitCode;
        }
    }

    private AgentRunRequest Request()
    {
        string sessionId = Guid.CreateVersion7().ToString("N");
        string workspace = Workspace();
        string reports = _inputs.Find("report-directory") ?? DefaultReports(sessionId);
        return new AgentRunRequest
        {
            BaseDirectory = workspace,
            SessionId = sessionId,
            Agent = _inputs.Find("agent"),
            Command = _inputs.Find("command"),
            Arguments = _inputs.Arguments(),
            WorkingDirectory = _inputs.Find("working-directory"),
            OutputDirectory = _inputs.Find("output-directory"),
            PolicyFile = _inputs.Find("policy"),
            PolicyOverrides = _inputs.Overrides(),
            Engine = RequestWords.Engine(_inputs.Find("engine"))
                ?? throw UsageErrors.New(
                    $"The input 'engine' must be {RequestWords.Of<EngineKind>()}, but is '{QuotedText.Of(_inputs.Find("engine")!)}'."
                ),
            AuditLog = _inputs.Find("audit-log") ?? Path.Combine(reports, AuditName),
            ReportDirectory = reports,
            AttestationKey = _inputs.Find("attest-key"),
            Environment = _inputs.List("environment"),
            HostEnvironment = Environment,
            OwnContainer = OwnContainerDetection.Find(_terminal.Hosts, Environment),
        };
    }

    private string Workspace() =>
        Environment.GetValueOrDefault("GITHUB_WORKSPACE") is { Length: > 0 } workspace ? workspace : _terminal.CurrentDirectory;

    // Beside the workspace, which is the user's to fill. The runner empties it when the job has ended.
    private string DefaultReports(string sessionId) =>
        Path.Combine(
            Environment.GetValueOrDefault("RUNNER_TEMP") is { Length: > 0 } temporary ? temporary : Path.GetTempPath(),
            "isolated-agents",
            sessionId
        );
}
