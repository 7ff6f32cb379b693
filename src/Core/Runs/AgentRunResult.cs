using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Runs;

/// <summary>How a run ended. Order is precedence: where several hold, the first one is given.</summary>
public enum Verdict
{
    /// <summary>The request or the policy is wrong.</summary>
    ConfigurationError,

    /// <summary>The engine, the image or a control failed. Never a pass.</summary>
    EngineError,

    /// <summary>A package could not be installed.</summary>
    DependencyFailed,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>The kernel ended the agent for its memory limit.</summary>
    OutOfMemory,

    /// <summary>The time limit passed.</summary>
    Timeout,

    /// <summary>The agent tried what the policy forbids.</summary>
    PolicyViolation,

    /// <summary>The agent used more tokens of language models than the policy allows.</summary>
    ModelLimitExceeded,

    /// <summary>The outputs are larger than the limit.</summary>
    OutputLimitExceeded,

    /// <summary>The process limit was reached.</summary>
    PidsExhausted,

    /// <summary>The agent ended with another exit code than 0, or by a signal.</summary>
    AgentFailed,

    /// <summary>All is well.</summary>
    Passed,
}

/// <summary>Something that the agent tried and the policy forbids.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Subject">What was touched, as the agent knows it; escaped for display.</param>
/// <param name="Reason">Why it is forbidden.</param>
/// <param name="Action">What was done about it.</param>
public sealed record Violation(ViolationKind Kind, string Rule, string Subject, string Reason, string Action);

/// <summary>A collected output file.</summary>
/// <param name="Path">Absolute path on the host.</param>
/// <param name="Name">Path below the output folder, with forward slashes.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record Artifact(string Path, string Name, long Size, string Sha256);

/// <summary>The outcome of a run. Trouble of every kind is in here; the caller's cancellation included.</summary>
public sealed record AgentRunResult
{
    /// <summary>How the run ended.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The run's id; empty where no run was begun.</summary>
    public string SessionId { get; init; } = "";

    /// <summary>The agent's own exit code; null when it never ended by itself.</summary>
    public int? AgentExitCode { get; init; }

    /// <summary>The signal that ended the agent; null where none did.</summary>
    public int? AgentSignal { get; init; }

    /// <summary>From the call to the verdict.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Violations that count, each distinct one once.</summary>
    public ImmutableArray<Violation> Violations { get; init; } = [];

    /// <summary>The agent's changes to a writable workspace, and the fate of each.</summary>
    public ImmutableArray<WorkspaceChange> Changes { get; init; } = [];

    /// <summary>Collected files.</summary>
    public ImmutableArray<Artifact> Artifacts { get; init; } = [];

    /// <summary>The lines a person must see, worst first: exactly one error for each cause of the verdict, and warnings.</summary>
    public ImmutableArray<Diagnostic> Diagnostics { get; init; } = [];

    /// <summary>The session record; null where none was asked for.</summary>
    public string? ReportFile { get; init; }

    /// <summary>The reports that were written beside the session record; null where none were asked for.</summary>
    public ReportFiles? Reports { get; init; }

    /// <summary>
    /// The hash of the audit log's last entry, in hex. Kept elsewhere, it proves later that the log's end was not cut off. Null where no
    /// log was asked for.
    /// </summary>
    public string? AuditHead { get; init; }

    /// <summary>Whether nothing ran, because nothing that the run depends on has changed since it last passed.</summary>
    public bool Skipped { get; init; }

    /// <summary>
    /// When <see cref="Skipped"/>, the reason why the image could not be compared with that of the passed run; null where it could.
    /// </summary>
    public string? ImageNotCompared { get; init; }

    /// <summary>The exit code of a process that does nothing but this run.</summary>
    public int ExitCode => Verdict.ExitCode();
}

/// <summary>The fixed names and codes of verdicts.</summary>
public static class VerdictNames
{
    /// <summary>The verdict in snake_case, as outputs carry it.</summary>
    public static string Name(this Verdict verdict) =>
        verdict switch
        {
            Verdict.Passed => "passed",
            Verdict.AgentFailed => "agent_failed",
            Verdict.PolicyViolation => "policy_violation",
            Verdict.Timeout => "timeout",
            Verdict.OutOfMemory => "out_of_memory",
            Verdict.ModelLimitExceeded => "model_limit_exceeded",
            Verdict.PidsExhausted => "pids_exhausted",
            Verdict.OutputLimitExceeded => "output_limit_exceeded",
            Verdict.DependencyFailed => "dependency_failed",
            Verdict.ConfigurationError => "configuration_error",
            Verdict.EngineError => "engine_error",
            Verdict.Cancelled => "cancelled",
            _ => throw new ArgumentOutOfRangeException(nameof(verdict)),
        };

    /// <summary>The exit code of the command line.</summary>
    public static int ExitCode(this Verdict verdict) =>
        verdict switch
        {
            Verdict.Passed => 0,
            Verdict.AgentFailed => 1,
            Verdict.ConfigurationError => 2,
            Verdict.PolicyViolation => 3,
            Verdict.OutputLimitExceeded => 4,
            Verdict.DependencyFailed => 5,
            Verdict.EngineError => 6,
            Verdict.Timeout => 124,
            Verdict.Cancelled => 130,
            Verdict.ModelLimitExceeded => 7,
            Verdict.PidsExhausted => 135,
            Verdict.OutOfMemory => 137,
            _ => throw new ArgumentOutOfRangeException(nameof(verdict)),
        };
}
