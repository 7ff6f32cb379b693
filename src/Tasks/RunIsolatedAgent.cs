using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Execution;
using IsolatedAgents.Hosts;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace IsolatedAgents.Tasks;

/// <summary>
/// Runs one agent in a sandbox, as a step of a build. Not a ToolTask: that would take what the agent prints for errors of the build.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed partial class RunIsolatedAgent : Microsoft.Build.Utilities.Task, ICancelableTask, IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private int _cancelled;

    /// <summary>The agent: a file, or a folder with an entry file.</summary>
    public string? Agent { get; set; }

    /// <summary>A shell command to run instead of an agent.</summary>
    public string? Command { get; set; }

    /// <summary>Arguments for the agent, one an entry.</summary>
    public string[]? Arguments { get; set; }

    /// <summary>Image, in place of the policy's.</summary>
    public string? Image { get; set; }

    /// <summary>The workspace; <see cref="BaseDirectory"/> when not given.</summary>
    public string? WorkingDirectory { get; set; }

    /// <summary>The folder for collected outputs; when not given, outputs are measured and dropped.</summary>
    public string? OutputDirectory { get; set; }

    /// <summary>The policy file; the default policy when not given.</summary>
    public string? PolicyFile { get; set; }

    /// <summary>Which engine runs the sandbox: <c>auto</c>, <c>docker</c> or <c>podman</c>.</summary>
    public string? Engine { get; set; }

    /// <summary>How host and sandbox talk: <c>auto</c>, <c>socket</c> or <c>attach</c>.</summary>
    public string? Transport { get; set; }

    /// <summary>How files get into the sandbox: <c>auto</c>, <c>mount</c> or <c>copy</c>.</summary>
    public string? Delivery { get; set; }

    /// <summary>File for the audit log. Where it is given and cannot be written, the step fails.</summary>
    public string? AuditLog { get; set; }

    /// <summary>Folder for the session record and reports.</summary>
    public string? ReportDirectory { get; set; }

    /// <summary>PEM file with the private ECDSA key (P-256) that signs the run's attestation in <see cref="ReportDirectory"/>.</summary>
    public string? AttestationKey { get; set; }

    /// <summary>Whether the summary of the step is given to the build host, where it takes one; <c>true</c> when not given.</summary>
    public bool HostSummary { get; set; } = true;

    /// <summary>Names of variables that are passed through to the agent. Never values: those would end up in build logs.</summary>
    public string[]? Environment { get; set; }

    /// <summary>Folder that relative paths start from; that of the file that holds the step when not given.</summary>
    public string? BaseDirectory { get; set; }

    /// <summary>File that remembers the last passed run, so that nothing runs while nothing has changed.</summary>
    public string? StampFile { get; set; }

    /// <summary>The files that the run depends on, for <see cref="StampFile"/>.</summary>
    public string[]? Inputs { get; set; }

    /// <summary>Whether the agent runs even where <see cref="StampFile"/> still fits, which is then a record alone.</summary>
    public bool AlwaysRun { get; set; }

    /// <summary>Whether nothing runs, and the step fails where <see cref="StampFile"/> holds no record of a passing run.</summary>
    public bool RecordOnly { get; set; }

    /// <summary>
    /// The project that the step is of; the file that holds the step when not given. No other project may use its folders, and its agent
    /// never changes that file.
    /// </summary>
    public string? Project { get; set; }

    /// <summary>The name that tells the step apart from others of <see cref="Project"/>; the agent when not given.</summary>
    public string? Item { get; set; }

    /// <summary>The configuration that <see cref="Project"/> is built in.</summary>
    public string? Configuration { get; set; }

    /// <summary>All items of <see cref="Project"/>: folders of those that are gone may be used.</summary>
    public string[]? ProjectItems { get; set; }

    /// <summary>The agent's exit code, or that of the verdict where the agent did not end by itself.</summary>
    [Output]
    public int ExitCode { get; set; }

    /// <summary>How the run ended: <c>passed</c>, <c>policy_violation</c> …</summary>
    [Output]
    public string Verdict { get; set; } = "";

    /// <summary>The agent's violations of the policy, with metadata Kind, Rule, Subject, Reason and Action.</summary>
    [Output]
    public ITaskItem[] Violations { get; set; } = [];

    /// <summary>The collected files, with metadata Name, Size and Sha256.</summary>
    [Output]
    public ITaskItem[] Artifacts { get; set; } = [];

    /// <summary>
    /// The agent's changes to a writable workspace, by paths below it, with metadata Kind, Status, RunsCode, Size, Sha256 and Reason.
    /// </summary>
    [Output]
    public ITaskItem[] Changes { get; set; } = [];

    /// <summary>Seconds from start to verdict.</summary>
    [Output]
    public string Duration { get; set; } = "";

    /// <summary>The run's id.</summary>
    [Output]
    public string SessionId { get; set; } = "";

    /// <summary>The session record; empty where none was asked for.</summary>
    [Output]
    public string ReportFile { get; set; } = "";

    /// <summary>The findings as SARIF; empty where no reports were asked for.</summary>
    [Output]
    public string SarifFile { get; set; } = "";

    /// <summary>The verdict as JUnit XML; empty where no reports were asked for.</summary>
    [Output]
    public string JUnitFile { get; set; } = "";

    /// <summary>The run as Markdown; empty where no reports were asked for.</summary>
    [Output]
    public string SummaryFile { get; set; } = "";

    /// <summary>The run as an HTML page; empty where no reports were asked for.</summary>
    [Output]
    public string HtmlFile { get; set; } = "";

    /// <summary>The attestation; empty where no reports were asked for.</summary>
    [Output]
    public string AttestationFile { get; set; } = "";

    /// <summary>The hash of the audit log's last entry; empty where no log was asked for.</summary>
    [Output]
    public string AuditHead { get; set; } = "";

    /// <summary>Prepares the run; tests of this class replace it.</summary>
    internal Func<AgentRunRequest, EngineMemory, CancellationToken, Task<PreparedRun>> PrepareRun { get; init; } =
        RunPreparation.PrepareAsync;

    /// <inheritdoc/>
    public override bool Execute()
    {
        try
        {
            AgentRunRequest request = Request();

            // Off the caller's thread: an IDE's has a context that a continuation could wait for for ever.
            RunOutcome outcome = RecordOnly
                ? new RunOutcome(AgentRunner.FindRecord(request))
                : Task.Run(() => RunAsync(request)).GetAwaiter().GetResult();
            SetOutputs(outcome.Result);
            Report(outcome.Result);
            if (HostSummary && outcome.Report is { } report)
            {
                BuildHosts
                    .Known.Find(request.HostEnvironment)
                    ?.GiveSummary(report, request.HostEnvironment, line => Log.LogMessage(MessageImportance.High, "{0}", line));
            }
        }
        catch (ConfigurationException failure)
        {
            var result = new AgentRunResult { Verdict = Runs.Verdict.ConfigurationError, Diagnostics = [failure.Diagnostic] };
            SetOutputs(result);
            Report(result);
        }

        return !Log.HasLoggedErrors;
    }

    /// <summary>Ends the agent soon. May be called at any time, any number of times, on any thread: MSBuild does.</summary>
    public void Cancel()
    {
        if (Interlocked.Exchange(ref _cancelled, 1) != 0)
        {
            return;
        }

        try
        {
            // Asynchronous, so that nobody's clean-up runs on MSBuild's thread.
            _ = _cancellation.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The run is over.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cancellation.Dispose();

    private static ImmutableArray<string> List(string[]? values) => values is null ? [] : [.. values];

    private static string? Given(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private string Base() => Given(BaseDirectory) ?? Path.GetDirectoryName(BuildEngine.ProjectFileOfTaskNode) ?? Path.GetTempPath();

    private AgentRunRequest Request() =>
        new()
        {
            BaseDirectory = Base(),
            Agent = Given(Agent),
            Command = Given(Command),
            Arguments = List(Arguments),
            Image = Given(Image),
            WorkingDirectory = Given(WorkingDirectory),
            OutputDirectory = Given(OutputDirectory),
            PolicyFile = Given(PolicyFile),
            PolicyOverrides = _policy.Overrides(),
            Engine = EngineOf(Engine),
            Transport = Choice(nameof(Transport), Transport, RequestWords.Transport),
            Delivery = Choice(nameof(Delivery), Delivery, RequestWords.Delivery),
            AuditLog = Given(AuditLog),
            ReportDirectory = Given(ReportDirectory),
            AttestationKey = Given(AttestationKey),
            Environment = List(Environment),
            HostEnvironment = HostVariables.Snapshot(),
            ProtectedFiles = [.. new[] { Given(Project), Given(BuildEngine.ProjectFileOfTaskNode) }.OfType<string>()],
            StampFile = Given(StampFile),
            Inputs = List(Inputs),
            AlwaysRun = AlwaysRun,
            Owner = new FolderOwner(
                Given(Project) ?? BuildEngine.ProjectFileOfTaskNode ?? "",
                Given(Item) ?? Given(Agent) ?? "",
                Given(Configuration) ?? ""
            )
            {
                ProjectItems = List(ProjectItems),
            },
        };

    private static EngineKind EngineOf(string? engine) =>
        string.Equals(engine, "embedded", StringComparison.OrdinalIgnoreCase)
            ? throw new ConfigurationException(
                DiagnosticTable.Parameters,
                "Parameter 'Engine' is 'embedded', which is not available in this version. Use 'auto', 'docker' or 'podman'."
            )
            : Choice(nameof(Engine), engine, RequestWords.Engine);

    private static T Choice<T>(string parameter, string? word, Func<string?, T?> choose)
        where T : struct, Enum =>
        choose(word)
        ?? throw new ConfigurationException(
            DiagnosticTable.Parameters,
            $"Parameter '{parameter}' must be {RequestWords.Of<T>()}, but is '{word}'."
        );

    private async Task<RunOutcome> RunAsync(AgentRunRequest request)
    {
        PreparedRun run = await PrepareRun(request, Memory(), _cancellation.Token).ConfigureAwait(false);
        using BuildLoggers loggers = new(Log, run.Telemetry);
        return await run.RunAsync(loggers, _cancellation.Token).ConfigureAwait(false);
    }

    // Of one build on one node: another build may have another engine at the same address.
    private EngineMemory Memory()
    {
        if (BuildEngine is not IBuildEngine4 node)
        {
            return new EngineMemory();
        }

        const RegisteredTaskObjectLifetime Lifetime = RegisteredTaskObjectLifetime.Build;
        if (node.GetRegisteredTaskObject(typeof(EngineMemory), Lifetime) is not EngineMemory memory)
        {
            memory = new EngineMemory();
            node.RegisterTaskObject(typeof(EngineMemory), memory, Lifetime, allowEarlyCollection: true);
        }

        return memory;
    }

    private void SetOutputs(AgentRunResult result)
    {
        ExitCode = result.AgentExitCode ?? result.ExitCode;
        Verdict = result.Verdict.Name();
        Violations = [.. result.Violations.Select(ResultItems.Of)];
        Artifacts = [.. result.Artifacts.Select(ResultItems.Of)];
        Changes = [.. result.Changes.Select(ResultItems.Of)];
        Duration = ResultItems.Seconds(result.Duration);
        SessionId = result.SessionId;
        ReportFile = result.ReportFile ?? "";
        SarifFile = result.Reports?.Sarif ?? "";
        JUnitFile = result.Reports?.JUnit ?? "";
        SummaryFile = result.Reports?.Summary ?? "";
        AttestationFile = result.Reports?.Attestation ?? "";
        HtmlFile = result.Reports?.Html ?? "";
        AuditHead = result.AuditHead ?? "";
    }

    private void Report(AgentRunResult result)
    {
        if (result.Skipped && !RecordOnly)
        {
            Log.LogMessage(
                MessageImportance.High,
                "{0}",
                $"Skipped agent '{Agent ?? Command}': nothing that it depends on has changed since it last passed."
            );
        }

        if (result.ImageNotCompared is { } problem)
        {
            const string Code = DiagnosticTable.ImageNotCompared;
            string message =
                $"{Code}: The image of agent '{Agent ?? Command}' could not be compared with that of its last run. {UntrustedText.Display(problem)}";
            Log.LogMessage(null, Code, null, null, 0, 0, 0, 0, MessageImportance.High, "{0}", message);
        }

        if (result.AuditHead is not null)
        {
            Log.LogMessage(MessageImportance.High, "{0}", $"Audit log '{AuditLog}' ends in {result.AuditHead}");
        }

        foreach (Diagnostic diagnostic in result.Diagnostics)
        {
            DiagnosticLog.Write(Log, diagnostic, Base());
        }

        if (result.Verdict != Runs.Verdict.Passed && !Log.HasLoggedErrors)
        {
            // A step that fails without an error is an error of MSBuild's, which says nothing.
            DiagnosticLog.Write(
                Log,
                new Diagnostic(
                    DiagnosticTable.EngineLost,
                    DiagnosticSeverity.Error,
                    $"The run ended as '{result.Verdict.Name()}' and gave no reason."
                ),
                Base()
            );
        }
    }
}
