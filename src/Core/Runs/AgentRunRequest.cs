using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Egress;
using IsolatedAgents.Engines;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Runs;

/// <summary>
/// All that one run is told. Nothing else reaches it: no current directory, no environment of the process, no files but the named ones.
/// </summary>
public sealed record AgentRunRequest
{
    /// <summary>Absolute folder that relative paths of this request start from.</summary>
    public required string BaseDirectory { get; init; }

    /// <summary>The agent: a file, or a folder with an entry file. Excludes <see cref="Command"/>.</summary>
    public string? Agent { get; init; }

    /// <summary>A shell command to run instead of an agent file. Excludes <see cref="Agent"/>.</summary>
    public string? Command { get; init; }

    /// <summary>Arguments for the agent.</summary>
    public ImmutableArray<string> Arguments { get; init; } = [];

    /// <summary>Image, in place of the policy's <c>base_image</c>.</summary>
    public string? Image { get; init; }

    /// <summary>The workspace; <see cref="BaseDirectory"/> when null.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>The folder for collected outputs; when null, outputs are measured and dropped.</summary>
    public string? OutputDirectory { get; init; }

    /// <summary>The policy file; the default policy when null.</summary>
    public string? PolicyFile { get; init; }

    /// <summary>Policy keys set by parameters.</summary>
    public ImmutableArray<PolicyOverride> PolicyOverrides { get; init; } = [];

    /// <summary>Which engine runs the sandbox.</summary>
    public EngineKind Engine { get; init; }

    /// <summary>How host and sandbox talk.</summary>
    public TransportKind Transport { get; init; }

    /// <summary>How files get into the sandbox.</summary>
    public DeliveryKind Delivery { get; init; }

    /// <summary>
    /// File for the audit log, which is continued where it exists; none is written when null. Where it is given and cannot be written, the
    /// run fails.
    /// </summary>
    public string? AuditLog { get; init; }

    /// <summary>Folder for the session record and reports; none are written when null.</summary>
    public string? ReportDirectory { get; init; }

    /// <summary>
    /// PEM file with the private ECDSA key (P-256) that signs the run's attestation; it is not signed when null. Needs
    /// <see cref="ReportDirectory"/>, and must not lie where the agent sees it.
    /// </summary>
    public string? AttestationKey { get; init; }

    /// <summary>Names of host variables passed through, beside those of the policy.</summary>
    public ImmutableArray<string> Environment { get; init; } = [];

    /// <summary>The host's variables. Engine discovery and names passed through read from here alone.</summary>
    public FrozenDictionary<string, string> HostEnvironment { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>
    /// File that remembers the last passed run. Where it still fits the agent, its arguments, the policy, the image and
    /// <see cref="Inputs"/>, and the artifacts are as they were left, nothing runs. Null: every call runs, and none is remembered.
    /// </summary>
    public string? StampFile { get; init; }

    /// <summary>Whether the agent runs even where <see cref="StampFile"/> still fits, which is then a record alone.</summary>
    public bool AlwaysRun { get; init; }

    /// <summary>
    /// Whom the output and report folders belong to; nobody in particular when null. A folder of another owner is refused.
    /// </summary>
    public FolderOwner? Owner { get; init; }

    /// <summary>
    /// Files that the agent never changes in a writable workspace, beside its policy and its own: such as the project file that declares
    /// the run.
    /// </summary>
    public ImmutableArray<string> ProtectedFiles { get; init; } = [];

    /// <summary>The container that the calling process is in; null where it is in none.</summary>
    internal OwnContainer? OwnContainer { get; init; }

    /// <summary>The run's id, where the caller must know it beforehand: 32 hexadecimal digits.</summary>
    internal string? SessionId { get; init; }

    /// <summary>The files the run depends on, for <see cref="StampFile"/>.</summary>
    public ImmutableArray<string> Inputs { get; init; } = [];

    /// <summary>How names are resolved and servers trusted; as this machine does it where null.</summary>
    internal EgressOptions? Egress { get; init; }
}
