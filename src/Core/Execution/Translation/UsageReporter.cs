using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Sandbox;
using UsageFigures = IsolatedAgents.Protocol.ResourceUsage;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Tells what the agent uses of its limits while it runs, and when it nears one.</summary>
internal sealed class UsageReporter(
    Policy policy,
    SandboxLimits limits,
    RunEvents events,
    OutputLimitWarning outputs,
    EgressSession? egress
)
{
    /// <summary>From this part of a limit on, it is nearly reached.</summary>
    public const double NearLimit = 0.9;

    // One or two late ones are a busy machine, and no gap.
    private const int LeastGap = 3;

    // Any program is busy for a moment; what is shorter than this is no reason to warn.
    private const long MinimumCpuNanoseconds = 500_000_000;

    private UsageFigures? _previous;
    private long _lastUsage;
    private int _folded;
    private bool _isCpuHigh;
    private bool _isMemoryHigh;
    private bool _isTimeoutNear;
    private long _lost;

    /// <summary>Takes figures of the running agent.</summary>
    /// <exception cref="EngineException">There are none any more, and the policy requires them.</exception>
    public async ValueTask TakeAsync(UsageFigures usage)
    {
        if (_previous is null)
        {
            // The first figures are the start of the count, and not the agent's.
            _previous = usage;
            return;
        }

        // Figures that piled up while this process was suspended come at once: the last of them says it all.
        if (
            TimeProvider.System.GetElapsedTime(_lastUsage) < TimeSpan.FromSeconds(policy.ResourceMonitorInterval) / 2
            && !IsNearTimeout(usage)
            && !outputs.IsDue(usage.OutputBytes)
        )
        {
            _folded++;
            return;
        }

        if (_folded >= LeastGap)
        {
            await events
                .RaiseAsync(
                    new TelemetrySuppressed(
                        EventCatalog.ResourceUsage.Name,
                        _folded,
                        "They came late and all at once: this process was suspended, or the machine overloaded"
                    )
                )
                .ConfigureAwait(false);
        }

        _folded = 0;
        _lastUsage = TimeProvider.System.GetTimestamp();
        await RaiseAsync(usage).ConfigureAwait(false);
        await outputs.TakeAsync(usage.OutputBytes).ConfigureAwait(false);
        TimeSpan limit = TimeSpan.FromSeconds(policy.TimeoutSeconds);
        TimeSpan elapsed = TimeSpan.FromTicks(usage.ElapsedNanoseconds / TimeSpan.NanosecondsPerTick);
        if (!_isTimeoutNear && elapsed >= limit * NearLimit)
        {
            _isTimeoutNear = true;
            TimeSpan remaining = elapsed < limit ? limit - elapsed : TimeSpan.Zero;
            await events.RaiseAsync(new TimeoutApproaching(elapsed, limit, remaining)).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the last figures, once the agent has ended.</summary>
    /// <exception cref="EngineException">There are none any more, and the policy requires them.</exception>
    public async ValueTask EndAsync(UsageFigures usage)
    {
        // The processes are gone, and with them what they held: the most they had is what is left to tell.
        await RaiseAsync(usage with { MemoryBytes = Math.Max(usage.MemoryBytes, Math.Min(usage.MemoryPeakBytes, limits.MemoryBytes)) })
            .ConfigureAwait(false);
        if (_lost > 0)
        {
            await events
                .RaiseAsync(
                    new TelemetrySuppressed(
                        EventCatalog.ResourceUsage.Name,
                        _lost,
                        "The sandbox's control group could no longer be read: whether memory or processes ran out is not known. Its limits hold all the same"
                    )
                )
                .ConfigureAwait(false);
        }
    }

    private bool IsNearTimeout(UsageFigures usage) =>
        !_isTimeoutNear && usage.ElapsedNanoseconds >= policy.TimeoutSeconds * NearLimit * 1_000_000_000;

    private async ValueTask RaiseAsync(UsageFigures usage)
    {
        if (usage.MemoryBytes < 0)
        {
            Lose();
            return;
        }

        UsageFigures previous = _previous ?? new UsageFigures();
        _previous = usage;
        long elapsed = usage.ElapsedNanoseconds - previous.ElapsedNanoseconds;
        double cores = limits.CpuMillicores / 1000.0;
        double cpu = elapsed > 0 ? Math.Clamp(100.0 * (usage.CpuNanoseconds - previous.CpuNanoseconds) / elapsed / cores, 0, 100) : 0;
        double memory = 100.0 * usage.MemoryBytes / limits.MemoryBytes;
        await events
            .RaiseAsync(
                new Events.ResourceUsage(
                    cpu,
                    usage.MemoryBytes,
                    limits.MemoryBytes,
                    egress?.BytesSent ?? 0,
                    egress?.BytesReceived ?? 0,
                    usage.OutputBytes,
                    policy.MaxOutputBytes
                )
            )
            .ConfigureAwait(false);
        // Told when a threshold is crossed, and again only after it was left.
        bool isCpuHigh = cpu >= policy.CpuThresholdPercent && elapsed >= MinimumCpuNanoseconds;
        if (isCpuHigh && !_isCpuHigh)
        {
            await events.RaiseAsync(new ResourceCpuHigh(cpu, policy.CpuThresholdPercent, "Monitoring")).ConfigureAwait(false);
        }

        if (memory >= policy.MemoryThresholdPercent && !_isMemoryHigh)
        {
            await events.RaiseAsync(new ResourceMemoryHigh(memory, policy.MemoryThresholdPercent, "Monitoring")).ConfigureAwait(false);
        }

        _isCpuHigh = isCpuHigh;
        _isMemoryHigh = memory >= policy.MemoryThresholdPercent;
    }

    // The control group was there, or nothing would have started. Its limits hold all the same, and nobody sees any more whether they were
    // reached.
    private void Lose()
    {
        _lost++;
        if (policy.Isolation.Require.HasFlag(IsolationControls.Cgroup))
        {
            throw new EngineException(
                DiagnosticTable.IsolationUnavailable,
                "The sandbox's control group can no longer be read, so that nobody sees whether the agent reached its limits, and the policy requires it (isolation.require: cgroup). The agent was ended."
            );
        }
    }
}
