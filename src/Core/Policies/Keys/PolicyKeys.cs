using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Policies.Rules;

namespace IsolatedAgents.Policies.Keys;

/// <summary>Every key of a policy, in the order of the documentation. Nothing else in the product lists them.</summary>
internal static class PolicyKeys
{
    private const long Tebibyte = 1L << 40;

    public static ImmutableArray<PolicySection> Sections { get; } =
    [
        new("network", "What the agent may connect to.")
        {
            TogetherSchema = """
                [
                  { "properties": { "disabled": { "enum": [true] } } },
                  { "required": ["allowed_endpoints"], "properties": { "allowed_endpoints": { "minItems": 1 } } }
                ]
                """,
        },
        new("limits", "Limits of a whole run that the host counts, outside the sandbox."),
        new("filesystem", "What the agent may read and write."),
        new("isolation", "Controls that must be in force."),
    ];

    public static ImmutableArray<PolicyKey> All { get; } =
    [
        new TextKey(
            "base_image",
            "Image to run the agent in, by tag or digest; the digest that was used is recorded.",
            p => p.BaseImage,
            (p, v) => p with { BaseImage = v! },
            ImageReferences.Check,
            "the name of an image"
        )
        {
            Placeholder = "IMAGE",
            Notes = "Pulled where it is missing.",
            ActionInput = "image",
        },
        new NumberKey("cpu_cores", "CPU limit in cores.", 0.01, 1024, p => p.CpuCores, (p, v) => p with { CpuCores = v })
        {
            ActionInput = "cpu-cores",
        },
        new IntegerKey(
            "memory_mb",
            "Memory limit in MiB; swap is off.",
            16,
            16_777_216,
            p => p.MemoryMb,
            (p, v) => p with { MemoryMb = (int)v }
        )
        {
            Notes = "`/tmp` and `/output` may count against it.",
            ActionInput = "memory-mb",
        },
        new IntegerKey(
            "shm_mb",
            "Size of /dev/shm in MiB, which the memory limit counts; by default an eighth of memory_mb, and at least 64.",
            1,
            16_777_216,
            p => p.SharedMemoryMb,
            (p, v) => p with { ShmMb = (int)v }
        )
        {
            Notes = "An agent that fills it gets SIGBUS.",
            DefaultWords = "an eighth of `memory_mb`, at least 64",
        },
        new IntegerKey(
            "pids_limit",
            "Limit of processes and threads.",
            2,
            4_194_304,
            p => p.PidsLimit,
            (p, v) => p with { PidsLimit = (int)v }
        )
        {
            Notes = "The supervisor's two are included.",
        },
        new IntegerKey(
            "timeout_seconds",
            "The agent's wall clock in seconds.",
            1,
            604_800,
            p => p.TimeoutSeconds,
            (p, v) => p with { TimeoutSeconds = (int)v }
        )
        {
            ZeroHint = "a run always has a time limit",
            ActionInput = "timeout-seconds",
        },
        // Whatever it says, the agent reaches the allowed endpoints and nothing else, so the policy is the same one.
        new FlagKey(
            "network.disabled",
            "True, or false beside allowed_endpoints: either way the agent reaches the allowed endpoints and nothing else.",
            p => p.Network.Disabled,
            (p, _) => p
        )
        {
            ParameterName = "network_disabled",
        },
        new ListKey<string>(
            "network.allowed_endpoints",
            "What the agent may connect to: host, host:port, *.host:port, ip:port or a range; without a port 443 and 80.",
            "endpoints",
            p => p.Network.AllowedEndpoints,
            (p, v) => p with { Network = p.Network with { AllowedEndpoints = v } },
            (v, _) => EndpointRules.Check(v),
            v => v
        )
        {
            ItemName = "allowed_endpoint",
            Placeholder = "ENDPOINT",
            Notes = "See [what an agent may reach](network.md).",
            ActionInput = "allowed-endpoints",
        },
        .. NetworkKeys.All,
        new ChoiceKey<WorkspaceAccess>(
            "filesystem.workspace",
            "How the workspace appears in the sandbox.",
            [new("read", WorkspaceAccess.Read), new("write", WorkspaceAccess.Write), new("none", WorkspaceAccess.None)],
            p => p.Filesystem.Workspace,
            (p, v) => p with { Filesystem = p.Filesystem with { Workspace = v } }
        )
        {
            Notes = "It is at `/workspace`; with `write` the agent changes [a copy](workspace.md).",
        },
        new ListKey<string>(
            "filesystem.allowed_read_paths",
            "Sandbox paths that may be read beyond the default set.",
            "absolute sandbox paths",
            p => p.Filesystem.AllowedReadPaths,
            (p, v) => p with { Filesystem = p.Filesystem with { AllowedReadPaths = v } },
            (v, _) => SandboxPathRules.Check(v),
            v => v
        )
        {
            ItemName = "allowed_read_path",
            Placeholder = "PATH",
            Notes =
                "Each with all below it; see [what is always readable](policy.md#what-an-agent-may-touch). Landlock and "
                + "the supervisor enforce it.",
        },
        new ListKey<string>(
            "filesystem.allowed_write_paths",
            "Sandbox paths that may be written beyond the default set.",
            "absolute sandbox paths",
            p => p.Filesystem.AllowedWritePaths,
            (p, v) => p with { Filesystem = p.Filesystem with { AllowedWritePaths = v } },
            (v, _) => SandboxPathRules.Check(v),
            v => v
        )
        {
            ItemName = "allowed_write_path",
            Placeholder = "PATH",
            Notes =
                "Each is an empty folder in memory (its size is that of `/tmp`), gone at the end. Refused over system "
                + "files, mounts and a read-only workspace.",
        },
        new ListKey<string>(
            "filesystem.protected_paths",
            "Globs that are never written even in a writable workspace.",
            "globs below the workspace",
            p => p.Filesystem.ProtectedPaths,
            (p, v) => p with { Filesystem = p.Filesystem with { ProtectedPaths = v } },
            (v, _) => GlobPatterns.CheckRelative(v),
            v => v
        )
        {
            ItemName = "protected_path",
            Placeholder = "GLOB",
            Notes = "At any depth and in any case; beside them always the files that the run itself is made of.",
        },
        new ListKey<string>(
            "filesystem.allowed_code_paths",
            "Globs of files that run code on a developer's machine and may be changed in a writable workspace all the same.",
            "globs below the workspace",
            p => p.Filesystem.AllowedCodePaths,
            (p, v) => p with { Filesystem = p.Filesystem with { AllowedCodePaths = v } },
            (v, _) => GlobPatterns.CheckRelative(v),
            v => v
        )
        {
            ItemName = "allowed_code_path",
            Placeholder = "GLOB",
            Notes = "See [a writable workspace](workspace.md). Protected paths stay protected.",
        },
        new ListKey<string>(
            "filesystem.return_ignored",
            "Globs of files that git ignores or would not show, or that a build makes, and that come back from a writable workspace all the same.",
            "globs below the workspace",
            p => p.Filesystem.ReturnIgnored,
            (p, v) => p with { Filesystem = p.Filesystem with { ReturnIgnored = v } },
            (v, _) => GlobPatterns.CheckRelative(v),
            v => v
        )
        {
            ItemName = "return_ignored",
            Placeholder = "GLOB",
            Notes = "See [a writable workspace](workspace.md).",
        },
        new ChoiceKey<GitReturn>(
            "filesystem.return_git",
            "What comes back of the commits that the agent makes in its copy: nothing, or patches in the report directory.",
            [new("none", GitReturn.None), new("commits", GitReturn.Commits)],
            p => p.Filesystem.ReturnGit,
            (p, v) => p with { Filesystem = p.Filesystem with { ReturnGit = v } }
        )
        {
            Notes = "Never refs, index, configuration or hooks. Needs `git` on the host.",
        },
        new ListKey<ReadonlyMount>(
            "readonly_mounts",
            "Host files and folders that the agent may read, as host:sandbox.",
            "'host:sandbox' mounts",
            p => p.ReadonlyMounts,
            (p, v) => p with { ReadonlyMounts = v },
            MountRules.Check,
            v => $"{v.HostPath}:{v.SandboxPath}"
        )
        {
            ItemName = "readonly_mount",
            Placeholder = "HOST:SANDBOX",
            Unique = (v => v.SandboxPath, "sandbox path"),
            Notes = "Sockets, `/`, `/proc`, key folders and the like are never accepted.",
        },
        new EnvironmentMapKey("env_vars", "Variables that the policy sets.", p => p.EnvVars, (p, v) => p with { EnvVars = v })
        {
            ItemName = "env_var",
            Placeholder = "NAME=VALUE",
            Notes = "Not for secrets: the file is no secret.",
        },
        new ListKey<string>(
            "allowed_env_vars",
            "Names of host variables that are passed through.",
            "variable names",
            p => p.AllowedEnvVars,
            (p, v) => p with { AllowedEnvVars = v },
            (v, _) => EnvironmentNames.Check(v),
            v => v
        )
        {
            ItemName = "allowed_env_var",
            Placeholder = "NAME",
        },
        new ListKey<string>(
            "sensitive_env_vars",
            "Names of host variables that are passed through and masked everywhere.",
            "variable names",
            p => p.SensitiveEnvVars,
            (p, v) => p with { SensitiveEnvVars = v },
            (v, _) => EnvironmentNames.Check(v),
            v => v
        )
        {
            ItemName = "sensitive_env_var",
            Placeholder = "NAME",
            Notes = "At least 4 characters; their values become `***` in every event and message.",
        },
        new ListKey<string>(
            "pip_packages",
            "Python packages to install before the agent starts.",
            "Python packages",
            p => p.PipPackages,
            (p, v) => p with { PipPackages = v },
            (v, _) => PackageRules.CheckPip(v),
            v => v
        )
        {
            ItemName = "pip_package",
            Placeholder = "PACKAGE",
            Notes = "This version refuses it unless it is empty.",
            ActionInput = "pip-packages",
            HoldsCommas = true,
        },
        new TextKey(
            "pip_index_url",
            "Index that Python packages come from.",
            p => p.PipIndexUrl,
            (p, v) => p with { PipIndexUrl = v },
            IndexUrls.Check,
            "an https address"
        )
        {
            Placeholder = "URL",
            Notes = "This version refuses it with packages.",
        },
        new FlagKey(
            "pip_require_hashes",
            "Whether every Python package must carry a hash.",
            p => p.PipRequireHashes,
            (p, v) => p with { PipRequireHashes = v }
        )
        {
            Notes = "This version refuses it with packages.",
        },
        new ListKey<string>(
            "npm_packages",
            "npm packages to install before the agent starts.",
            "npm packages",
            p => p.NpmPackages,
            (p, v) => p with { NpmPackages = v },
            (v, _) => PackageRules.CheckNpm(v),
            v => v
        )
        {
            ItemName = "npm_package",
            Placeholder = "PACKAGE",
            Notes = "This version refuses it unless it is empty.",
        },
        new TextKey(
            "npm_registry_url",
            "Registry that npm packages come from.",
            p => p.NpmRegistryUrl,
            (p, v) => p with { NpmRegistryUrl = v },
            IndexUrls.Check,
            "an https address"
        )
        {
            Placeholder = "URL",
            Notes = "This version refuses it with packages.",
        },
        new ListKey<string>(
            "nuget_packages",
            "NuGet packages to install before the agent starts.",
            "NuGet packages",
            p => p.NugetPackages,
            (p, v) => p with { NugetPackages = v },
            (v, _) => PackageRules.CheckNuget(v),
            v => v
        )
        {
            ItemName = "nuget_package",
            Placeholder = "PACKAGE",
            Notes = "This version refuses it unless it is empty.",
        },
        new TextKey(
            "nuget_source_url",
            "Source that NuGet packages come from.",
            p => p.NugetSourceUrl,
            (p, v) => p with { NugetSourceUrl = v },
            IndexUrls.Check,
            "an https address"
        )
        {
            Placeholder = "URL",
            Notes = "This version refuses it with packages.",
        },
        new IntegerKey(
            "max_output_bytes",
            "Limit of everything in the output folder, in bytes.",
            0,
            Tebibyte,
            p => p.MaxOutputBytes,
            (p, v) => p with { MaxOutputBytes = v }
        )
        {
            Notes =
                "While the agent runs and when it is collected. The changes that come back from a writable workspace count "
                + "against it too.",
            ActionInput = "max-output-bytes",
        },
        new IntegerKey(
            "max_output_files",
            "Limit of the entries in the output folder.",
            0,
            1_000_000,
            p => p.MaxOutputFiles,
            (p, v) => p with { MaxOutputFiles = (int)v }
        )
        {
            Notes = "Changed files that come back from a writable workspace count against it too, deleted ones included.",
        },
        new IntegerKey(
            "max_workspace_bytes",
            "Limit of the copy of a writable workspace while the agent runs, in bytes.",
            0,
            Tebibyte,
            p => p.MaxWorkspaceBytes,
            (p, v) => p with { MaxWorkspaceBytes = v }
        )
        {
            Notes = "Before the agent starts and while it runs; what does not come back counts here alone.",
        },
        new IntegerKey(
            "max_log_bytes",
            "How much of the agent's standard output and error is kept, in bytes.",
            0,
            Tebibyte,
            p => p.MaxLogBytes,
            (p, v) => p with { MaxLogBytes = v }
        )
        {
            Notes = "The rest is counted.",
        },
        new FlagKey(
            "telemetry_enabled",
            "Whether events are shown at all; the verdict does not depend on it.",
            p => p.TelemetryEnabled,
            (p, v) => p with { TelemetryEnabled = v }
        )
        {
            Alias = "enable_telemetry",
            Notes = "Also `enable_telemetry`.",
        },
        new ChoiceKey<TelemetryLevel>(
            "telemetry_level",
            "The lowest level that is shown.",
            [
                new("DEBUG", TelemetryLevel.Debug),
                new("INFO", TelemetryLevel.Info),
                new("WARNING", TelemetryLevel.Warning),
                new("ERROR", TelemetryLevel.Error),
            ],
            p => p.TelemetryLevel,
            (p, v) => p with { TelemetryLevel = v }
        )
        {
            ActionInput = "telemetry-level",
        },
        new ChoiceKey<TelemetryFormat?>(
            "telemetry_format",
            "How events are rendered; by default rich on a terminal and simple elsewhere.",
            [new("rich", TelemetryFormat.Rich), new("simple", TelemetryFormat.Simple), new("json", TelemetryFormat.Json)],
            p => p.TelemetryFormat,
            (p, v) => p with { TelemetryFormat = v }
        )
        {
            DefaultWords = "`rich` on a terminal, else `simple`",
            ActionInput = "telemetry-format",
        },
        new NumberKey(
            "resource_monitor_interval",
            "Seconds between two resource figures.",
            0.1,
            3600,
            p => p.ResourceMonitorInterval,
            (p, v) => p with { ResourceMonitorInterval = v }
        ),
        new NumberKey(
            "cpu_threshold_percent",
            "CPU use that raises a warning, in percent of the limit.",
            0,
            100,
            p => p.CpuThresholdPercent,
            (p, v) => p with { CpuThresholdPercent = v }
        )
        {
            ExcludesMinimum = true,
        },
        new NumberKey(
            "memory_threshold_percent",
            "Memory use that raises a warning, in percent of the limit.",
            0,
            100,
            p => p.MemoryThresholdPercent,
            (p, v) => p with { MemoryThresholdPercent = v }
        )
        {
            ExcludesMinimum = true,
        },
        new ChoiceSetKey(
            "fail_on",
            "What fails the run; what is left out is a warning.",
            [
                new("violation", (int)FailureConditions.Violation),
                new("timeout", (int)FailureConditions.Timeout),
                new("output_limit", (int)FailureConditions.OutputLimit),
                new("out_of_memory", (int)FailureConditions.OutOfMemory),
                new("pids", (int)FailureConditions.Pids),
                new("exit_code", (int)FailureConditions.ExitCode),
                new("model_limit", (int)FailureConditions.ModelLimit),
            ],
            p => (int)p.FailOn,
            (p, v) => p with { FailOn = (FailureConditions)v }
        )
        {
            ActionInput = "fail-on",
        },
        new ChoiceKey<ViolationAction>(
            "on_violation",
            "What the first violation that counts does to the agent.",
            [new("continue", ViolationAction.Continue), new("stop", ViolationAction.Stop)],
            p => p.OnViolation,
            (p, v) => p with { OnViolation = v }
        ),
        new ExpectedViolationsKey(
            "expected_violations",
            "Violations that are reported and never fail.",
            [
                new("filesystem", ViolationKind.Filesystem),
                new("network", ViolationKind.Network),
                new("process", ViolationKind.Process),
                new("output", ViolationKind.Output),
            ]
        )
        {
            ItemName = "expected_violation",
            Placeholder = "JSON",
            Notes = "Objects with `kind`, `match` (a glob over the subject) and `reason`; an entry that nothing matched warns.",
        },
        new FlagKey(
            "strict",
            "Whether every refusal counts, also of what ordinary programs try and do without.",
            p => p.Strict,
            (p, v) => p with { Strict = v }
        )
        {
            Notes = "It switches the built-in list of [expected probes](policy.md#expected-probes) off.",
        },
        new ChoiceSetKey(
            "isolation.require",
            "Controls that must be in force; a run without one of them fails closed.",
            [
                new("landlock", (int)IsolationControls.Landlock),
                new("seccomp", (int)IsolationControls.Seccomp),
                new("cgroup", (int)IsolationControls.Cgroup),
                new("container", (int)IsolationControls.Container),
            ],
            p => (int)p.Isolation.Require,
            (p, v) => p with { Isolation = p.Isolation with { Require = (IsolationControls)v } }
        )
        {
            ParameterName = "isolation_require",
            Notes = "All but `landlock` are always in force.",
        },
    ];

    private static readonly FrozenDictionary<string, PolicyKey> ByName = All.SelectMany(key =>
            key.Alias is null ? [(key.Name, key)] : new[] { (key.Name, key), (key.Alias, key) }
        )
        .ToFrozenDictionary(pair => pair.Item1, pair => pair.Item2, StringComparer.Ordinal);

    /// <summary>The key of that full name or alias; null where there is none.</summary>
    public static PolicyKey? Find(string name) => ByName.GetValueOrDefault(name);
}
