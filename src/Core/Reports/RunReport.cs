using System.Collections.Immutable;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Reports;

/// <summary>Figures at one moment of the agent's run.</summary>
/// <param name="Offset">Since the beginning of the run.</param>
/// <param name="CpuPercent">In percent of the limit.</param>
/// <param name="MemoryBytes">In bytes.</param>
internal sealed record UsageSample(TimeSpan Offset, double CpuPercent, long MemoryBytes);

/// <summary>One event as a timeline shows it.</summary>
/// <param name="Offset">Since the beginning of the run.</param>
/// <param name="Name">The event's name.</param>
/// <param name="Text">The event in words; may hold text of the agent's, with nothing escaped for Markdown or HTML.</param>
internal sealed record TimelineEntry(TimeSpan Offset, string Name, string Text);

/// <summary>The most that a run used of what it may use.</summary>
/// <param name="CpuPercent">In percent of the limit.</param>
/// <param name="MemoryBytes">In bytes.</param>
/// <param name="OutputBytes">Bytes found in the output folder.</param>
/// <param name="AgentTime">How long the agent ran; null where it never did.</param>
/// <param name="LogLines">Lines that the agent wrote.</param>
internal sealed record UsagePeak(double CpuPercent, long MemoryBytes, long OutputBytes, TimeSpan? AgentTime, long LogLines);

/// <summary>
/// All that a report of a run may show. Made once, from the events and the result; reports differ in rendering alone. Secrets are masked in
/// it.
/// </summary>
internal sealed record RunReport
{
    /// <summary>The outcome.</summary>
    public required AgentRunResult Result { get; init; }

    /// <summary>
    /// Removes secrets from what is shown of the result: names of artifacts and changes are real in it, since builds and attestations need
    /// them.
    /// </summary>
    public SecretMasker Masker { get; init; } = SecretMasker.None;

    /// <summary>When the run began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>The agent's name.</summary>
    public string Agent { get; init; } = "";

    /// <summary>The command line of the agent.</summary>
    public ImmutableArray<string> Command { get; init; } = [];

    /// <summary>SHA-256 of the agent's code in lower-case hex; empty where nothing was resolved.</summary>
    public string AgentSha256 { get; init; } = "";

    /// <summary>The policy file as the user named it; null where there is none.</summary>
    public string? PolicyFile { get; init; }

    /// <summary>SHA-256 of the effective policy; empty where nothing was resolved.</summary>
    public string PolicySha256 { get; init; } = "";

    /// <summary>Whether every refusal counted: the built-in list of expected probes was off.</summary>
    public bool IsStrict { get; init; }

    /// <summary>The policy that held; the default one where none was valid.</summary>
    public Policy Policy { get; init; } = Policy.Default;

    /// <summary>The image that was run, as the policy names it.</summary>
    public string Image { get; init; } = "";

    /// <summary>Its digest; null where no container was made.</summary>
    public string? ImageDigest { get; init; }

    /// <summary>The packages that were installed for the run.</summary>
    public ImmutableArray<InstalledPackage> Packages { get; init; } = [];

    /// <summary>The engine and its version; null where none was reached.</summary>
    public string? Engine { get; init; }

    /// <summary>Errors first, then warnings, then what was expected.</summary>
    public ImmutableArray<Finding> Findings { get; init; } = [];

    /// <summary>Distinct violations past those that are kept one by one.</summary>
    public long OmittedViolations { get; init; }

    /// <summary>The events of the run, without the agent's output and the files it opened.</summary>
    public ImmutableArray<TimelineEntry> Timeline { get; init; } = [];

    /// <summary>Events of the timeline past those that are kept.</summary>
    public long OmittedTimeline { get; init; }

    /// <summary>Figures over time, evenly thinned out where there were many.</summary>
    public ImmutableArray<UsageSample> Usage { get; init; } = [];

    /// <summary>The most that was used.</summary>
    public UsagePeak Peak { get; init; } = new(0, 0, 0, null, 0);

    /// <summary>When the run ended.</summary>
    public DateTimeOffset Ended => Started + Result.Duration;
}
