using System.Collections.Immutable;

namespace IsolatedAgents.Policies;

/// <summary>Endpoints that the agent may connect to, and limits of its connections.</summary>
public sealed record NetworkPolicy
{
    /// <summary>
    /// Whether the sandbox has no way out but <see cref="AllowedEndpoints"/>. Can only be true: the sandbox never gets a network interface.
    /// </summary>
    public bool Disabled { get; init; } = true;

    /// <summary><c>host</c>, <c>host:port</c>, <c>*.host:port</c>, <c>ip:port</c> or CIDR; normalised to lower case.</summary>
    public ImmutableArray<string> AllowedEndpoints { get; init; } = [];

    /// <summary>The most bytes that all connections together may send to one endpoint, 0 to 1 TiB; 0 for no limit.</summary>
    public long MaxUploadBytes { get; init; }

    /// <summary>The most connections at once, 1 to 65,536.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Endpoints whose TLS is opened, and what may be asked of them.</summary>
    public ImmutableArray<InspectedEndpoint> Inspect { get; init; } = [];

    /// <summary>Credentials that are set outside the sandbox.</summary>
    public ImmutableArray<EndpointCredential> Credentials { get; init; } = [];
}

/// <summary>An endpoint whose TLS is opened on the way.</summary>
/// <param name="Endpoint"><c>host:port</c>, in its one spelling; one of the allowed endpoints.</param>
/// <param name="Allow">
/// The requests that are allowed, each a method and a path with <c>*</c> for anything: <c>POST /v1/chat/*</c>. Empty means all.
/// </param>
public sealed record InspectedEndpoint(string Endpoint, ImmutableArray<string> Allow)
{
    /// <summary>
    /// Requests that <see cref="LimitsPolicy.MaxModelTokens"/> lets pass although their tokens cannot be counted, written as in
    /// <see cref="Allow"/>. Requests that can be counted are counted all the same.
    /// </summary>
    public ImmutableArray<string> Uncounted { get; init; } = [];
}

/// <summary>A credential that never enters the sandbox.</summary>
/// <param name="Endpoint"><c>host:port</c>; one of the inspected endpoints.</param>
/// <param name="Header">The header that carries it.</param>
/// <param name="FromEnv">The host variable that holds it.</param>
/// <param name="Format">The header's value, with <c>{}</c> for the credential.</param>
/// <param name="PlaceholderEnv">The variable of the agent that gets a placeholder.</param>
public sealed record EndpointCredential(string Endpoint, string Header, string FromEnv, string Format, string PlaceholderEnv);

/// <summary>Limits of a whole run that the host counts, outside the sandbox.</summary>
public sealed record LimitsPolicy
{
    /// <summary>The most input and output tokens of models behind inspected endpoints; 0 for no limit.</summary>
    public long MaxModelTokens { get; init; }
}

/// <summary>How the workspace appears inside the sandbox.</summary>
public enum WorkspaceAccess
{
    /// <summary>Read-only.</summary>
    Read,

    /// <summary>Writable, but for the protected paths.</summary>
    Write,

    /// <summary>Absent.</summary>
    None,
}

/// <summary>Whether commits that an agent makes in its copy of a repository come back.</summary>
public enum GitReturn
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The commits, as patches in the report directory.</summary>
    Commits,
}

/// <summary>Files that the agent may read and write.</summary>
public sealed record FilesystemPolicy
{
    /// <summary>How the workspace appears.</summary>
    public WorkspaceAccess Workspace { get; init; }

    /// <summary>Absolute sandbox paths that may be read beyond the default set.</summary>
    public ImmutableArray<string> AllowedReadPaths { get; init; } = [];

    /// <summary>Absolute sandbox paths that may be written beyond the default set.</summary>
    public ImmutableArray<string> AllowedWritePaths { get; init; } = [];

    /// <summary>Globs that are never written even in a writable workspace.</summary>
    public ImmutableArray<string> ProtectedPaths { get; init; } = DefaultProtectedPaths;

    /// <summary>
    /// Globs of files that run code on a developer's machine and that an agent may change in a writable workspace all the same.
    /// </summary>
    public ImmutableArray<string> AllowedCodePaths { get; init; } = [];

    /// <summary>
    /// Globs of files that git ignores, or that a build makes, and that come back from a writable workspace all the same.
    /// </summary>
    public ImmutableArray<string> ReturnIgnored { get; init; } = [];

    /// <summary>Whether the agent's commits come back.</summary>
    public GitReturn ReturnGit { get; init; }

    /// <summary>
    /// Files that tools run without being asked to. Nothing below <c>.git</c> is among them: nothing of it comes back in any case.
    /// </summary>
    public static ImmutableArray<string> DefaultProtectedPaths { get; } =
    [
        ".github",
        "Directory.Build.*",
        "Directory.Packages.props",
        "nuget.config",
        "global.json",
        ".config/dotnet-tools.json",
        ".vscode",
        ".mcp.json",
    ];
}

/// <summary>A host folder or file that the agent may read.</summary>
/// <param name="HostPath">Absolute path on the host.</param>
/// <param name="SandboxPath">Absolute path in the sandbox.</param>
public sealed record ReadonlyMount(string HostPath, string SandboxPath);

/// <summary>The lowest level of events that is shown.</summary>
public enum TelemetryLevel
{
    /// <summary>Everything.</summary>
    Debug,

    /// <summary>Life cycle, figures and activity.</summary>
    Info,

    /// <summary>Warnings and errors.</summary>
    Warning,

    /// <summary>Errors alone.</summary>
    Error,
}

/// <summary>How events are rendered.</summary>
public enum TelemetryFormat
{
    /// <summary>Trees with colour, for a terminal.</summary>
    Rich,

    /// <summary>One plain line an event, for log files.</summary>
    Simple,

    /// <summary>One JSON object an event, for log aggregation.</summary>
    Json,
}

/// <summary>The conditions that fail a run.</summary>
[Flags]
public enum FailureConditions
{
    /// <summary>Nothing but trouble with the configuration, the engine or a dependency.</summary>
    None = 0,

    /// <summary><c>violation</c>: the agent tried what the policy forbids.</summary>
    Violation = 1,

    /// <summary><c>timeout</c>.</summary>
    Timeout = 2,

    /// <summary><c>output_limit</c>.</summary>
    OutputLimit = 4,

    /// <summary><c>out_of_memory</c>.</summary>
    OutOfMemory = 8,

    /// <summary><c>pids</c>: the process limit was reached.</summary>
    Pids = 16,

    /// <summary><c>exit_code</c>: the agent ended with another code than 0, or by a signal.</summary>
    ExitCode = 32,

    /// <summary><c>model_limit</c>: more tokens of language models were used than allowed.</summary>
    ModelLimit = 64,

    /// <summary>All of them.</summary>
    All = Violation | Timeout | OutputLimit | OutOfMemory | Pids | ExitCode | ModelLimit,
}

/// <summary>The effect of the first violation that counts on the running agent.</summary>
public enum ViolationAction
{
    /// <summary>It goes on; the verdict fails at the end.</summary>
    Continue,

    /// <summary>It is ended.</summary>
    Stop,
}

/// <summary>The kinds of violation.</summary>
public enum ViolationKind
{
    /// <summary>A file outside the allowed paths.</summary>
    Filesystem,

    /// <summary>An endpoint outside the allowlist.</summary>
    Network,

    /// <summary>A system call that is never allowed.</summary>
    Process,

    /// <summary>An entry of the output folder that cannot be taken.</summary>
    Output,
}

/// <summary>A violation that is reported and never fails.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Match">Glob over its subject.</param>
/// <param name="Reason">Why it is expected, for the report.</param>
public sealed record ExpectedViolation(ViolationKind Kind, string Match, string Reason)
{
    /// <summary>The policy key that holds such entries, as events name it.</summary>
    internal const string Key = "expected_violations";
}

/// <summary>Controls that a policy can demand.</summary>
[Flags]
public enum IsolationControls
{
    /// <summary>None by name.</summary>
    None = 0,

    /// <summary>The kernel's Landlock.</summary>
    Landlock = 1,

    /// <summary>A system-call filter on the agent.</summary>
    Seccomp = 2,

    /// <summary>Limits by control group.</summary>
    Cgroup = 4,

    /// <summary>A container engine's container.</summary>
    Container = 8,
}

/// <summary>Controls that must be in force.</summary>
public sealed record IsolationPolicy
{
    /// <summary>A run without one of these fails closed with IA2004.</summary>
    public IsolationControls Require { get; init; }
}
