using System.Diagnostics.CodeAnalysis;

namespace IsolatedAgents.Tasks;

/// <content>
/// A parameter for each policy key, as the product's table has them. A parameter that is not given leaves the policy file's value; a list replaces the
/// file's list.
/// </content>
[SuppressMessage("Performance", "CA1819", Justification = "MSBuild hands lists over as arrays.")]
public sealed partial class RunIsolatedAgent
{
    private readonly PolicyParameters _policy = new();

    /// <summary>Image to run the agent in, by tag or digest; the digest that was used is recorded.</summary>
    public string? BaseImage
    {
        get => _policy.One(nameof(BaseImage));
        set => _policy.Set(nameof(BaseImage), value);
    }

    /// <summary>CPU limit in cores.</summary>
    public string? CpuCores
    {
        get => _policy.One(nameof(CpuCores));
        set => _policy.Set(nameof(CpuCores), value);
    }

    /// <summary>Memory limit in MiB; swap is off.</summary>
    public string? MemoryMb
    {
        get => _policy.One(nameof(MemoryMb));
        set => _policy.Set(nameof(MemoryMb), value);
    }

    /// <summary>Size of /dev/shm in MiB, which the memory limit counts; by default an eighth of memory_mb, and at least 64.</summary>
    public string? ShmMb
    {
        get => _policy.One(nameof(ShmMb));
        set => _policy.Set(nameof(ShmMb), value);
    }

    /// <summary>Limit of processes and threads.</summary>
    public string? PidsLimit
    {
        get => _policy.One(nameof(PidsLimit));
        set => _policy.Set(nameof(PidsLimit), value);
    }

    /// <summary>The agent's wall clock in seconds.</summary>
    public string? TimeoutSeconds
    {
        get => _policy.One(nameof(TimeoutSeconds));
        set => _policy.Set(nameof(TimeoutSeconds), value);
    }

    /// <summary>True, or false beside allowed_endpoints: either way the agent reaches the allowed endpoints and nothing else.</summary>
    public string? NetworkDisabled
    {
        get => _policy.One(nameof(NetworkDisabled));
        set => _policy.Set(nameof(NetworkDisabled), value);
    }

    /// <summary>What the agent may connect to: host, host:port, *.host:port, ip:port or a range; without a port 443 and 80.</summary>
    public string[]? AllowedEndpoints
    {
        get => _policy.Many(nameof(AllowedEndpoints));
        set => _policy.Set(nameof(AllowedEndpoints), value);
    }

    /// <summary>The most bytes that may be sent to one endpoint; 0 for no limit.</summary>
    public string? MaxUploadBytes
    {
        get => _policy.One(nameof(MaxUploadBytes));
        set => _policy.Set(nameof(MaxUploadBytes), value);
    }

    /// <summary>The most connections at once.</summary>
    public string? MaxConnections
    {
        get => _policy.One(nameof(MaxConnections));
        set => _policy.Set(nameof(MaxConnections), value);
    }

    /// <summary>Endpoints whose TLS is opened on the way, and what may be asked of them.</summary>
    public string[]? Inspect
    {
        get => _policy.Many(nameof(Inspect));
        set => _policy.Set(nameof(Inspect), value);
    }

    /// <summary>Credentials that the agent never sees: it gets a placeholder, and the real value is set on the way to one inspected endpoint.</summary>
    public string[]? Credentials
    {
        get => _policy.Many(nameof(Credentials));
        set => _policy.Set(nameof(Credentials), value);
    }

    /// <summary>The most input and output tokens of models behind inspected endpoints; 0 for no limit.</summary>
    public string? MaxModelTokens
    {
        get => _policy.One(nameof(MaxModelTokens));
        set => _policy.Set(nameof(MaxModelTokens), value);
    }

    /// <summary>How the workspace appears in the sandbox.</summary>
    public string? Workspace
    {
        get => _policy.One(nameof(Workspace));
        set => _policy.Set(nameof(Workspace), value);
    }

    /// <summary>Sandbox paths that may be read beyond the default set.</summary>
    public string[]? AllowedReadPaths
    {
        get => _policy.Many(nameof(AllowedReadPaths));
        set => _policy.Set(nameof(AllowedReadPaths), value);
    }

    /// <summary>Sandbox paths that may be written beyond the default set.</summary>
    public string[]? AllowedWritePaths
    {
        get => _policy.Many(nameof(AllowedWritePaths));
        set => _policy.Set(nameof(AllowedWritePaths), value);
    }

    /// <summary>Globs that are never written even in a writable workspace.</summary>
    public string[]? ProtectedPaths
    {
        get => _policy.Many(nameof(ProtectedPaths));
        set => _policy.Set(nameof(ProtectedPaths), value);
    }

    /// <summary>Globs of files that run code on a developer's machine and may be changed in a writable workspace all the same.</summary>
    public string[]? AllowedCodePaths
    {
        get => _policy.Many(nameof(AllowedCodePaths));
        set => _policy.Set(nameof(AllowedCodePaths), value);
    }

    /// <summary>Globs of files that git ignores or would not show, or that a build makes, and that come back from a writable workspace all the same.</summary>
    public string[]? ReturnIgnored
    {
        get => _policy.Many(nameof(ReturnIgnored));
        set => _policy.Set(nameof(ReturnIgnored), value);
    }

    /// <summary>What comes back of the commits that the agent makes in its copy: nothing, or patches in the report directory.</summary>
    public string? ReturnGit
    {
        get => _policy.One(nameof(ReturnGit));
        set => _policy.Set(nameof(ReturnGit), value);
    }

    /// <summary>Host files and folders that the agent may read, as host:sandbox.</summary>
    public string[]? ReadonlyMounts
    {
        get => _policy.Many(nameof(ReadonlyMounts));
        set => _policy.Set(nameof(ReadonlyMounts), value);
    }

    /// <summary>Variables that the policy sets.</summary>
    public string[]? EnvVars
    {
        get => _policy.Many(nameof(EnvVars));
        set => _policy.Set(nameof(EnvVars), value);
    }

    /// <summary>Names of host variables that are passed through.</summary>
    public string[]? AllowedEnvVars
    {
        get => _policy.Many(nameof(AllowedEnvVars));
        set => _policy.Set(nameof(AllowedEnvVars), value);
    }

    /// <summary>Names of host variables that are passed through and masked everywhere.</summary>
    public string[]? SensitiveEnvVars
    {
        get => _policy.Many(nameof(SensitiveEnvVars));
        set => _policy.Set(nameof(SensitiveEnvVars), value);
    }

    /// <summary>Python packages to install before the agent starts.</summary>
    public string[]? PipPackages
    {
        get => _policy.Many(nameof(PipPackages));
        set => _policy.Set(nameof(PipPackages), value);
    }

    /// <summary>Index that Python packages come from.</summary>
    public string? PipIndexUrl
    {
        get => _policy.One(nameof(PipIndexUrl));
        set => _policy.Set(nameof(PipIndexUrl), value);
    }

    /// <summary>Whether every Python package must carry a hash.</summary>
    public string? PipRequireHashes
    {
        get => _policy.One(nameof(PipRequireHashes));
        set => _policy.Set(nameof(PipRequireHashes), value);
    }

    /// <summary>npm packages to install before the agent starts.</summary>
    public string[]? NpmPackages
    {
        get => _policy.Many(nameof(NpmPackages));
        set => _policy.Set(nameof(NpmPackages), value);
    }

    /// <summary>Registry that npm packages come from.</summary>
    public string? NpmRegistryUrl
    {
        get => _policy.One(nameof(NpmRegistryUrl));
        set => _policy.Set(nameof(NpmRegistryUrl), value);
    }

    /// <summary>NuGet packages to install before the agent starts.</summary>
    public string[]? NugetPackages
    {
        get => _policy.Many(nameof(NugetPackages));
        set => _policy.Set(nameof(NugetPackages), value);
    }

    /// <summary>Source that NuGet packages come from.</summary>
    public string? NugetSourceUrl
    {
        get => _policy.One(nameof(NugetSourceUrl));
        set => _policy.Set(nameof(NugetSourceUrl), value);
    }

    /// <summary>Limit of everything in the output folder, in bytes.</summary>
    public string? MaxOutputBytes
    {
        get => _policy.One(nameof(MaxOutputBytes));
        set => _policy.Set(nameof(MaxOutputBytes), value);
    }

    /// <summary>Limit of the entries in the output folder.</summary>
    public string? MaxOutputFiles
    {
        get => _policy.One(nameof(MaxOutputFiles));
        set => _policy.Set(nameof(MaxOutputFiles), value);
    }

    /// <summary>Limit of the copy of a writable workspace while the agent runs, in bytes.</summary>
    public string? MaxWorkspaceBytes
    {
        get => _policy.One(nameof(MaxWorkspaceBytes));
        set => _policy.Set(nameof(MaxWorkspaceBytes), value);
    }

    /// <summary>How much of the agent's standard output and error is kept, in bytes.</summary>
    public string? MaxLogBytes
    {
        get => _policy.One(nameof(MaxLogBytes));
        set => _policy.Set(nameof(MaxLogBytes), value);
    }

    /// <summary>Whether events are shown at all; the verdict does not depend on it.</summary>
    public string? TelemetryEnabled
    {
        get => _policy.One(nameof(TelemetryEnabled));
        set => _policy.Set(nameof(TelemetryEnabled), value);
    }

    /// <summary>The lowest level that is shown.</summary>
    public string? TelemetryLevel
    {
        get => _policy.One(nameof(TelemetryLevel));
        set => _policy.Set(nameof(TelemetryLevel), value);
    }

    /// <summary>How events are rendered; by default rich on a terminal and simple elsewhere.</summary>
    public string? TelemetryFormat
    {
        get => _policy.One(nameof(TelemetryFormat));
        set => _policy.Set(nameof(TelemetryFormat), value);
    }

    /// <summary>Seconds between two resource figures.</summary>
    public string? ResourceMonitorInterval
    {
        get => _policy.One(nameof(ResourceMonitorInterval));
        set => _policy.Set(nameof(ResourceMonitorInterval), value);
    }

    /// <summary>CPU use that raises a warning, in percent of the limit.</summary>
    public string? CpuThresholdPercent
    {
        get => _policy.One(nameof(CpuThresholdPercent));
        set => _policy.Set(nameof(CpuThresholdPercent), value);
    }

    /// <summary>Memory use that raises a warning, in percent of the limit.</summary>
    public string? MemoryThresholdPercent
    {
        get => _policy.One(nameof(MemoryThresholdPercent));
        set => _policy.Set(nameof(MemoryThresholdPercent), value);
    }

    /// <summary>What fails the run; what is left out is a warning.</summary>
    public string[]? FailOn
    {
        get => _policy.Many(nameof(FailOn));
        set => _policy.Set(nameof(FailOn), value);
    }

    /// <summary>What the first violation that counts does to the agent.</summary>
    public string? OnViolation
    {
        get => _policy.One(nameof(OnViolation));
        set => _policy.Set(nameof(OnViolation), value);
    }

    /// <summary>Violations that are reported and never fail.</summary>
    public string[]? ExpectedViolations
    {
        get => _policy.Many(nameof(ExpectedViolations));
        set => _policy.Set(nameof(ExpectedViolations), value);
    }

    /// <summary>Whether every refusal counts, also of what ordinary programs try and do without.</summary>
    public string? Strict
    {
        get => _policy.One(nameof(Strict));
        set => _policy.Set(nameof(Strict), value);
    }

    /// <summary>Controls that must be in force; a run without one of them fails closed.</summary>
    public string[]? IsolationRequire
    {
        get => _policy.Many(nameof(IsolationRequire));
        set => _policy.Set(nameof(IsolationRequire), value);
    }
}
