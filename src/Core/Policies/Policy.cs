using System.Collections.Immutable;

namespace IsolatedAgents.Policies;

/// <summary>
/// The rules and limits of an agent, and the conditions that fail its run. Immutable and complete: every key has a value, from the file, a
/// parameter or its default.
/// </summary>
public sealed record Policy
{
    /// <summary>The policy that an empty file gives.</summary>
    public static Policy Default { get; } = new();

    /// <summary>Image tag or digest.</summary>
    public string BaseImage { get; init; } = "python:3.11-slim";

    /// <summary>CPU limit in cores, 0.01 to 1,024.</summary>
    public double CpuCores { get; init; } = 1.0;

    /// <summary>Memory limit in MiB, 16 to 16,777,216; swap is off.</summary>
    public int MemoryMb { get; init; } = 512;

    /// <summary>Limit of processes and threads, 2 to 4,194,304.</summary>
    public int PidsLimit { get; init; } = 256;

    /// <summary>
    /// Size of <c>/dev/shm</c> in MiB, 1 to 16,777,216; <see langword="null"/> means an eighth of <see cref="MemoryMb"/>, and at least 64.
    /// The memory limit counts what lies there.
    /// </summary>
    public int? ShmMb { get; init; }

    /// <summary>Size of <c>/dev/shm</c> in MiB, whatever sets it.</summary>
    internal int SharedMemoryMb => ShmMb ?? Math.Max(64, MemoryMb / 8);

    /// <summary>The agent's wall clock in seconds, 1 to 604,800.</summary>
    public int TimeoutSeconds { get; init; } = 300;

    /// <summary>Endpoints that the agent may connect to, and limits of its connections.</summary>
    public NetworkPolicy Network { get; init; } = new();

    /// <summary>Limits of a whole run that the host counts, outside the sandbox.</summary>
    public LimitsPolicy Limits { get; init; } = new();

    /// <summary>Files that the agent may read and write.</summary>
    public FilesystemPolicy Filesystem { get; init; } = new();

    /// <summary>Extra read-only mounts.</summary>
    public ImmutableArray<ReadonlyMount> ReadonlyMounts { get; init; } = [];

    /// <summary>Environment variables that the policy sets.</summary>
    public ImmutableSortedDictionary<string, string> EnvVars { get; init; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Names of host variables passed through where they are set.</summary>
    public ImmutableArray<string> AllowedEnvVars { get; init; } = [];

    /// <summary>Names of host variables passed through, whose values are masked everywhere.</summary>
    public ImmutableArray<string> SensitiveEnvVars { get; init; } = [];

    /// <summary>Python packages to install before the agent starts.</summary>
    public ImmutableArray<string> PipPackages { get; init; } = [];

    /// <summary>Package index for <see cref="PipPackages"/>.</summary>
    public string? PipIndexUrl { get; init; }

    /// <summary>Whether every Python package must carry a hash.</summary>
    public bool PipRequireHashes { get; init; }

    /// <summary>npm packages to install before the agent starts.</summary>
    public ImmutableArray<string> NpmPackages { get; init; } = [];

    /// <summary>Registry for <see cref="NpmPackages"/>.</summary>
    public string? NpmRegistryUrl { get; init; }

    /// <summary>NuGet packages to install before the agent starts.</summary>
    public ImmutableArray<string> NugetPackages { get; init; } = [];

    /// <summary>Source for <see cref="NugetPackages"/>.</summary>
    public string? NugetSourceUrl { get; init; }

    /// <summary>Limit of everything in the output folder, in bytes, 0 to 1 TiB.</summary>
    public long MaxOutputBytes { get; init; } = 10_485_760;

    /// <summary>Limit of the entries in the output folder, 0 to 1,000,000.</summary>
    public int MaxOutputFiles { get; init; } = 1000;

    /// <summary>The most bytes that the copy of a writable workspace may take while the agent runs, 0 to 1 TiB.</summary>
    public long MaxWorkspaceBytes { get; init; } = 2_147_483_648;

    /// <summary>How much of the agent's standard output and error is kept, in bytes, 0 to 1 TiB.</summary>
    public long MaxLogBytes { get; init; } = 67_108_864;

    /// <summary>Whether events are shown at all. The verdict does not depend on it.</summary>
    public bool TelemetryEnabled { get; init; } = true;

    /// <summary>The lowest level that is shown.</summary>
    public TelemetryLevel TelemetryLevel { get; init; } = TelemetryLevel.Info;

    /// <summary>How events are rendered; <see langword="null"/> means rich on a terminal and simple elsewhere.</summary>
    public TelemetryFormat? TelemetryFormat { get; init; }

    /// <summary>Seconds between two resource figures, 0.1 to 3,600.</summary>
    public double ResourceMonitorInterval { get; init; } = 5;

    /// <summary>CPU use that raises a warning, in percent of the limit, above 0 to 100.</summary>
    public double CpuThresholdPercent { get; init; } = 90;

    /// <summary>Memory use that raises a warning, in percent of the limit, above 0 to 100.</summary>
    public double MemoryThresholdPercent { get; init; } = 90;

    /// <summary>The conditions that fail the run; the others are warnings.</summary>
    public FailureConditions FailOn { get; init; } = FailureConditions.All;

    /// <summary>The effect of the first violation that counts on the running agent.</summary>
    public ViolationAction OnViolation { get; init; }

    /// <summary>Violations that are reported and never fail.</summary>
    public ImmutableArray<ExpectedViolation> ExpectedViolations { get; init; } = [];

    /// <summary>Whether every refusal counts: the built-in list of what ordinary programs try and do without is turned off.</summary>
    public bool Strict { get; init; }

    /// <summary>Controls that must be in force.</summary>
    public IsolationPolicy Isolation { get; init; } = new();

    /// <summary>
    /// The keys that the file or a parameter set, in snake_case, with dots for nested ones (<c>filesystem.workspace</c>).
    /// </summary>
    public ImmutableSortedSet<string> ExplicitKeys { get; init; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
}
