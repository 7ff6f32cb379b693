using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Changes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Translation;
using IsolatedAgents.Policies;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution;

/// <summary>
/// Computes the verdict from the run's events and nothing else, so that what was told and what was decided cannot differ.
/// </summary>
internal sealed class OutcomeTracker(Policy policy)
{
    private const int MaxViolationDiagnostics = 10;

    // An agent may try any number of different things. All of them are events; so many are kept for the result.
    private const int MaxViolations = 10_000;

    private const string BusSignal = "SIGBUS";

    // How shells report a child that SIGBUS ended.
    private const int BusExitCode = 128 + 7;

    private readonly LastLines _lastLines = new();
    private readonly List<Violation> _violations = [];
    private readonly HashSet<(ViolationKind Kind, string Subject)> _known = [];
    private readonly List<Diagnostic> _warnings = [];
    private readonly SortedDictionary<Verdict, Diagnostic> _causes = [];

    /// <summary>Violations that count, each subject once, worst kind first and in the order they came.</summary>
    public ImmutableArray<Violation> Violations => [.. _violations.OrderBy(violation => ViolationKinds.Rank(violation.Kind))];

    /// <summary>The warnings so far.</summary>
    public ImmutableArray<Diagnostic> Warnings => [.. _warnings];

    /// <summary>How the run ends, as far as the events tell.</summary>
    public Verdict Verdict
    {
        get
        {
            Verdict verdict = _causes.Count > 0 ? _causes.Keys.First() : Verdict.Passed;
            return Counts(FailureConditions.Violation) && _violations.Count > 0 && verdict > Verdict.PolicyViolation
                ? Verdict.PolicyViolation
                : verdict;
        }
    }

    /// <summary>Whether the container could not be removed.</summary>
    public bool IsContainerLeft { get; private set; }

    /// <summary>Whether the agent has started git.</summary>
    public bool UsesGit { get; private set; }

    /// <summary>Takes one event.</summary>
    public void Observe(TelemetryEvent raised)
    {
        switch (raised)
        {
            case ProcessStarted { CommandLine: var command }:
                UsesGit |= IsGit(command);
                break;
            case AgentOutput output:
                _lastLines.Add(output.Line);
                break;
            case AgentFailed { Signal: { } signal }:
                Add(
                    Verdict.AgentFailed,
                    FailureConditions.ExitCode,
                    DiagnosticTable.AgentSignal,
                    $"The agent was ended by signal {signal}.{BusAdvice(signal == BusSignal)}{_lastLines}"
                );
                break;
            case AgentFailed { ExitCode: { } code }:
                Add(
                    Verdict.AgentFailed,
                    FailureConditions.ExitCode,
                    DiagnosticTable.AgentExitCode,
                    Invariant($"The agent ended with exit code {code}.{BusAdvice(code == BusExitCode)}{_lastLines}")
                );
                break;
            case TimeoutExceeded timeout:
                Add(
                    Verdict.Timeout,
                    FailureConditions.Timeout,
                    DiagnosticTable.Timeout,
                    Invariant(
                        $"The agent did not end within its time limit of {timeout.Limit.TotalSeconds} seconds (timeout_seconds) and was ended."
                    )
                );
                break;
            case ResourceOutOfMemory memory:
                Add(
                    Verdict.OutOfMemory,
                    FailureConditions.OutOfMemory,
                    DiagnosticTable.OutOfMemory,
                    Invariant(
                        $"The agent needed more than its memory limit of {memory.MemoryLimit / 1024 / 1024} MiB (memory_mb) and was ended by the kernel."
                    )
                );
                break;
            case ResourcePidsExhausted pids:
                Add(
                    Verdict.PidsExhausted,
                    FailureConditions.Pids,
                    DiagnosticTable.ProcessLimit,
                    Invariant($"The agent reached its limit of {pids.Limit} processes and threads (pids_limit).")
                );
                break;
            case ModelLimitExceeded model:
                Add(
                    Verdict.ModelLimitExceeded,
                    FailureConditions.ModelLimit,
                    DiagnosticTable.ModelLimit,
                    Invariant(
                        $"The agent used {model.Used} tokens of language models, more than its limit of {model.Limit} (limits.max_model_tokens), and was ended."
                    )
                );
                break;
            case OutputLimitExceeded { Key: OutputLimitExceeded.WorkspaceKey } copy:
                Add(
                    Verdict.OutputLimitExceeded,
                    FailureConditions.OutputLimit,
                    DiagnosticTable.OutputLimit,
                    Invariant(
                        $"The agent's copy of the workspace grew beyond its limit of {copy.Limit} bytes (max_workspace_bytes), or beyond {Protocol.WorkspaceBounds.MaxEntriesAfter} entries; no change was taken."
                    )
                );
                break;
            case OutputLimitExceeded output:
                AddOutputLimit(output);
                break;
            case ViolationFilesystem
            or ViolationNetwork
            or ViolationProcess
            or ViolationOutput when FoundViolation.Of(raised) is { IsExpected: false } found:
                AddViolation(new Violation(found.Kind, found.Rule, found.Subject, found.Reason, found.Action));
                break;
            case SandboxVerified { IsLandlockMissing: true }:
                Warn(
                    DiagnosticTable.IsolationUnavailable,
                    "This kernel, or the engine's system-call filter, offers no Landlock: rules for files hold by the supervisor's answers alone, which a second thread of the agent may race. Require it by isolation.require, or use a kernel that has it."
                );
                break;
            case WorkspaceHeldBack { Rule: ChangeRules.CodeRule }:
                Warn(
                    DiagnosticTable.FilesystemViolation,
                    "Changes to files that run code on a developer's machine were held back; changes.held.patch in the report directory has them. Look at them, or allow such files by filesystem.allowed_code_paths."
                );
                break;
            case WorkspaceHeldBack { Rule: ChangeRules.HiddenRule } hidden:
                string file = Text.UntrustedText.Display(hidden.File);
                Warn(
                    DiagnosticTable.FilesystemViolation,
                    $"Changes were held back that git would not show, or that would hide others, as '{file}': {hidden.Reason}. "
                        + "Look at changes.held.patch in the report directory, or name such files in filesystem.return_ignored."
                );
                break;
            case WorkspaceHeldBack { Rule: WorkspaceConclusion.CommitsRule } commits:
                Warn(DiagnosticTable.FilesystemViolation, $"{commits.Reason}.");
                break;
            case WorkspaceHeldBack { Rule: null }:
                Warn(
                    DiagnosticTable.FilesystemViolation,
                    "Changes to the workspace were held back, since something that stays is in their way; the events of this run say what."
                );
                break;
            case ResourceCpuHigh high:
                Warn(DiagnosticTable.CpuHigh, Invariant($"CPU use reached {high.Current:0.0}% of its limit (cpu_cores)."));
                break;
            case ResourceMemoryHigh high:
                Warn(DiagnosticTable.OutOfMemory, Invariant($"Memory use reached {high.Current:0.0}% of its limit (memory_mb)."));
                break;
            case TimeoutApproaching near:
                Warn(
                    DiagnosticTable.Timeout,
                    Invariant($"The agent used {near.Elapsed.TotalSeconds:0.#} of its {near.Limit.TotalSeconds} seconds (timeout_seconds).")
                );
                break;
            case OutputLimitApproaching near:
                Warn(DiagnosticTable.OutputLimit, Invariant($"The outputs take {near.Current} of {near.Limit} bytes (max_output_bytes)."));
                break;
            case ContainerRemoving { Problem: { } problem } removing:
                IsContainerLeft = true;
                Warn(
                    DiagnosticTable.EngineLost,
                    $"The container '{removing.ContainerId}' could not be removed: {problem} Once the engine is well again, the next run removes it, or 'isolated-agents clean' does."
                );
                break;
            case NetworkClosed { IsProxyFailure: true, Error: { } problem }:
                Warn(DiagnosticTable.Parameters, $"{problem}. HTTPS_PROXY and HTTP_PROXY of this step name the proxy.");
                break;
            case TelemetrySuppressed suppressed:
                Warn(
                    DiagnosticTable.TelemetrySuppressed,
                    Invariant($"{suppressed.Event}: {suppressed.Count} left out. {suppressed.Reason}")
                );
                break;
        }
    }

    /// <summary>Warns once for each code.</summary>
    public void Warn(string code, string message)
    {
        if (!_warnings.Any(warning => warning.Code == code))
        {
            _warnings.Add(new Diagnostic(code, DiagnosticSeverity.Warning, message));
        }
    }

    /// <summary>Errors first, in the verdict's order of precedence; then warnings.</summary>
    public ImmutableArray<Diagnostic> Diagnostics()
    {
        List<Diagnostic> all = [.. _causes.TakeWhile(cause => cause.Key < Verdict.PolicyViolation).Select(cause => cause.Value)];
        all.AddRange(ViolationDiagnostics());
        all.AddRange(_causes.SkipWhile(cause => cause.Key < Verdict.PolicyViolation).Select(cause => cause.Value));
        return
        [
            .. all.Where(IsError),
            .. all.Where(diagnostic => !IsError(diagnostic)),
            .. _warnings.Where(warning => !all.Any(other => other.Code == warning.Code)),
        ];

        static bool IsError(Diagnostic diagnostic) => diagnostic.Severity == DiagnosticSeverity.Error;
    }

    private static bool IsGit(ReadOnlySpan<char> commandLine)
    {
        int blank = commandLine.IndexOf(' ');
        ReadOnlySpan<char> program = blank < 0 ? commandLine : commandLine[..blank];
        return program is "git" || program.EndsWith("/git");
    }

    private string BusAdvice(bool isBus) =>
        isBus
            ? Invariant(
                $" SIGBUS is what a program gets that writes to shared memory which is full: /dev/shm has {policy.SharedMemoryMb} MiB (shm_mb)."
            )
            : "";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private bool Counts(FailureConditions condition) => policy.FailOn.HasFlag(condition);

    private void Add(Verdict verdict, FailureConditions condition, string code, string message)
    {
        if (Counts(condition))
        {
            _causes.TryAdd(verdict, new Diagnostic(code, DiagnosticSeverity.Error, message));
        }
        else
        {
            Warn(code, message);
        }
    }

    // The last write that the folder refused often makes the agent fail as well: a consequence, and no finding of its own.
    private void AddOutputLimit(OutputLimitExceeded output)
    {
        string subject =
            policy.Filesystem.Workspace == WorkspaceAccess.Write ? "The outputs, or the changes to the workspace," : "The outputs";
        string bound = output.FileLimit is { } files
            ? Invariant($"more than their limit of {files} files and folders (max_output_files)")
            : Invariant(
                $"larger than their limit of {output.Limit} bytes (max_output_bytes) or {policy.MaxOutputFiles} files (max_output_files)"
            );
        Add(
            Verdict.OutputLimitExceeded,
            FailureConditions.OutputLimit,
            DiagnosticTable.OutputLimit,
            $"{subject} are {bound}; none was collected."
        );
        if (Counts(FailureConditions.OutputLimit))
        {
            _causes.Remove(Verdict.AgentFailed);
        }
    }

    private void AddViolation(Violation violation)
    {
        if (_known.Count < MaxViolations && _known.Add((violation.Kind, violation.Subject)))
        {
            _violations.Add(violation);
        }
    }

    private IEnumerable<Diagnostic> ViolationDiagnostics()
    {
        DiagnosticSeverity severity = Counts(FailureConditions.Violation) ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning;
        ImmutableArray<Violation> violations = Violations;
        foreach (Violation violation in violations.Take(MaxViolationDiagnostics))
        {
            yield return new Diagnostic(
                ViolationKinds.Code(violation.Kind),
                severity,
                $"{DiagnosticTable.Titles[ViolationKinds.Code(violation.Kind)]}: '{Text.UntrustedText.Display(violation.Subject)}': {violation.Reason}. {violation.Action}."
            );
        }

        if (violations.Length > MaxViolationDiagnostics)
        {
            yield return new Diagnostic(
                ViolationKinds.Code(violations[MaxViolationDiagnostics].Kind),
                DiagnosticSeverity.Warning,
                Invariant(
                    $"{(_violations.Count == MaxViolations ? "At least " : "")}{violations.Length - MaxViolationDiagnostics} more violations are in the events of this run."
                )
            );
        }
    }
}
