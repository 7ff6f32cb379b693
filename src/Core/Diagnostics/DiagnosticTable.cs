using System.Collections.Frozen;

namespace IsolatedAgents.Diagnostics;

/// <summary>Every code this product gives. A code is never renamed and never used again for something else.</summary>
public static class DiagnosticTable
{
    /// <summary>The policy file or a policy parameter is wrong.</summary>
    public const string Policy = "IA1001";

    /// <summary>The agent was not found or cannot be turned into a command.</summary>
    public const string AgentNotFound = "IA1002";

    /// <summary>A parameter of the step is wrong or contradicts another.</summary>
    public const string Parameters = "IA1003";

    /// <summary>A folder belongs to another gate.</summary>
    public const string FolderOwned = "IA1004";

    /// <summary>No container engine answers.</summary>
    public const string NoEngine = "IA2001";

    /// <summary>The image cannot be had.</summary>
    public const string Image = "IA2002";

    /// <summary>The engine, or the sandbox's supervisor, was lost during the run.</summary>
    public const string EngineLost = "IA2003";

    /// <summary>A control that the policy needs cannot be set up here.</summary>
    public const string IsolationUnavailable = "IA2004";

    /// <summary>A probe inside the sandbox did what it must not be able to do.</summary>
    public const string CanaryFailed = "IA2005";

    /// <summary>The agent touched a file that the policy does not allow.</summary>
    public const string FilesystemViolation = "IA3001";

    /// <summary>The agent tried to reach an endpoint that the policy does not allow.</summary>
    public const string NetworkViolation = "IA3002";

    /// <summary>The agent made a system call that is never allowed.</summary>
    public const string ProcessViolation = "IA3003";

    /// <summary>An entry of the output folder was rejected.</summary>
    public const string OutputViolation = "IA3004";

    /// <summary>The time limit was exceeded (as a warning: is near).</summary>
    public const string Timeout = "IA4001";

    /// <summary>The memory limit was exceeded (as a warning: is near).</summary>
    public const string OutOfMemory = "IA4002";

    /// <summary>The output limit was exceeded (as a warning: is near).</summary>
    public const string OutputLimit = "IA4003";

    /// <summary>The process limit was reached.</summary>
    public const string ProcessLimit = "IA4004";

    /// <summary>CPU use is above the policy's threshold. A warning only.</summary>
    public const string CpuHigh = "IA4005";

    /// <summary>Telemetry or agent output was cut by a limit. A warning only.</summary>
    public const string TelemetrySuppressed = "IA4006";

    /// <summary>The limit of tokens of language models was exceeded.</summary>
    public const string ModelLimit = "IA4007";

    /// <summary>A package that the policy names could not be installed.</summary>
    public const string Dependency = "IA5001";

    /// <summary>The agent ended with an exit code other than 0.</summary>
    public const string AgentExitCode = "IA6001";

    /// <summary>The agent was ended by a signal.</summary>
    public const string AgentSignal = "IA6002";

    /// <summary>The run was cancelled from outside.</summary>
    public const string Cancelled = "IA7001";

    /// <summary>The gates of a project are switched off. A message only.</summary>
    public const string GatesOff = "IA8001";

    /// <summary>A project that uses the package has no gate. A message only.</summary>
    public const string NoGates = "IA8002";

    /// <summary>A project is packaged without the record of a passing run.</summary>
    public const string NoRecord = "IA8003";

    /// <summary>An agent was skipped although its image could not be compared. A message only.</summary>
    public const string ImageNotCompared = "IA8004";

    /// <summary>A package would have its users depend on this product. A warning only.</summary>
    public const string PackageLeaks = "IA8005";

    /// <summary>A build has ended without coming to the target that its agents are to run after. A message only.</summary>
    public const string HookNotReached = "IA8006";

    internal const string HelpBase = "https://github.com/isolated-agents/isolated-agents/blob/main/docs/error-codes.md#";

    /// <summary>Code and one-line meaning of every diagnostic, in order.</summary>
    public static FrozenDictionary<string, string> Titles { get; } =
        DiagnosticRows.All.ToFrozenDictionary(row => row.Code, row => row.Title, StringComparer.Ordinal);

    /// <summary>The address of the paragraph that explains <paramref name="code"/>.</summary>
    public static string HelpLink(string code)
    {
        ArgumentNullException.ThrowIfNull(code);
        return HelpBase + code.ToLowerInvariant();
    }
}
