using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Observation;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Accompanies a launcher until it has become the agent.</summary>
internal sealed class LaunchObserver(FileRules rules, EgressGate? gate, ActivityReport report, (int UserId, int GroupId) agent)
{
    /// <summary>What the probes found.</summary>
    public ProbeResults? Probes { get; private set; }

    /// <summary>Returns when the launcher has become the agent; from then on the observer answers by itself.</summary>
    /// <exception cref="SetupException">The launcher gave up, or ended without having become the agent with every control in force.</exception>
    public void Follow(int processId, int status)
    {
        while (LaunchStatus.Read(status) is { } said)
        {
            Take(processId, said);
        }

        if (Probes is null)
        {
            throw new SetupException(SetupFailureKind.Internal, "launcher", "it ended without a word");
        }
    }

    private void Take(int processId, LaunchStatus said)
    {
        switch (said.Kind)
        {
            case LaunchStatusKind.Listener:
                new Observer(TakeListener(processId, BitConverter.ToInt32(said.Payload)), rules, gate, report).Start(agent.UserId, agent.GroupId);
                break;
            case LaunchStatusKind.Probed when report.AreProbesSeen:
                Probes = ProbeResults.FromPayload(said.Payload);
                break;
            case LaunchStatusKind.Probed:
                throw new SetupException(SetupFailureKind.Probe, "observation", "calls were refused, and nobody was told");
            default:
                SetupFailure failure = SetupFailure.FromPayload(said.Payload);
                throw new SetupException(failure.Kind, failure.Subject, failure.Detail);
        }
    }

    private static SystemCallListener TakeListener(int processId, int listener)
    {
        try
        {
            return SystemCallListener.TakeFrom(processId, listener);
        }
        catch (KernelException failure)
        {
            throw new SetupException(SetupFailureKind.Isolation, "system-call notification", failure.Message);
        }
    }
}
