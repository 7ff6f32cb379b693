using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Tells how the agent ended, and which of its limits did it.</summary>
internal sealed class ExitReporter(Policy policy, SandboxLimits limits, RunEvents events)
{
    private const int KillSignal = 9;

    // How shells report a child that SIGKILL ended.
    private const int KilledChildExitCode = 128 + KillSignal;

    public async ValueTask TakeAsync(AgentExit exit)
    {
        TimeSpan duration = TimeSpan.FromTicks(exit.Usage.ElapsedNanoseconds / TimeSpan.NanosecondsPerTick);
        await ReportLimitsAsync(exit, duration).ConfigureAwait(false);
        if (exit is { Cause: EndCause.None, Signal: 0, ExitCode: 0 })
        {
            await events.RaiseAsync(new AgentCompleted(0, duration, "Success")).ConfigureAwait(false);
        }
        else if (exit.Cause == EndCause.None && !IsOutOfMemory(exit))
        {
            await events
                .RaiseAsync(
                    new AgentFailed(
                        exit.Signal == 0 ? exit.ExitCode : null,
                        exit.Signal == 0 ? null : SignalNames.Name(exit.Signal),
                        duration,
                        "Failed"
                    )
                )
                .ConfigureAwait(false);
        }
    }

    private async ValueTask ReportLimitsAsync(AgentExit exit, TimeSpan elapsed)
    {
        if (exit.Cause == EndCause.Timeout)
        {
            await events
                .RaiseAsync(new TimeoutExceeded(elapsed, TimeSpan.FromSeconds(policy.TimeoutSeconds), "Agent terminated"))
                .ConfigureAwait(false);
        }

        if (IsOutOfMemory(exit))
        {
            await events
                .RaiseAsync(new ResourceOutOfMemory(exit.Usage.MemoryPeakBytes, limits.MemoryBytes, "Agent terminated"))
                .ConfigureAwait(false);
        }
        else if (exit.Usage.OutOfMemoryKills > 0)
        {
            await events
                .RaiseAsync(
                    new ResourceMemoryHigh(
                        100.0 * exit.Usage.MemoryPeakBytes / limits.MemoryBytes,
                        policy.MemoryThresholdPercent,
                        $"The kernel ended {exit.Usage.OutOfMemoryKills} of the agent's processes"
                    )
                )
                .ConfigureAwait(false);
        }

        if (exit.Usage.PidsDenied > 0)
        {
            await events.RaiseAsync(new ResourcePidsExhausted(policy.PidsLimit, "New processes refused")).ConfigureAwait(false);
        }
    }

    // The agent itself, or the last child of a shell that passes the kill on. A child alone is told and does not decide.
    private static bool IsOutOfMemory(AgentExit exit) =>
        exit.Cause == EndCause.None
        && exit.Usage.OutOfMemoryKills > 0
        && (exit.Signal == KillSignal || exit.ExitCode == KilledChildExitCode);
}
