using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Observation;
using IsolatedAgents.Supervisor.Setup;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Accompanies a launcher until it has become the agent.</summary>
/// <param name="parts">What the observer judges by, and where it reports.</param>
/// <param name="agent">Whose rights over files the observer has.</param>
/// <param name="countProcesses">Counts those of the control group that has the process limit.</param>
/// <param name="processLimit">What the probe of that limit found.</param>
internal sealed class LaunchObserver(ObserverParts parts, (int UserId, int GroupId) agent, Func<long> countProcesses, string processLimit)
{
    private readonly long _processesBefore = countProcesses();

    /// <summary>The results of the probes.</summary>
    public ProbeResults? Probes { get; private set; }

    /// <summary>Returns when the launcher has become the agent; from then on the observer answers by itself.</summary>
    /// <exception cref="SetupException">
    /// The launcher gave up, or ended without having become the agent with every control in force.
    /// </exception>
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
                VerifyCount();
                new Observer(TakeListener(processId, BitConverter.ToInt32(said.Payload)), parts).Start(agent.UserId, agent.GroupId);
                break;
            case LaunchStatusKind.Probed when parts.Report.AreProbesSeen:
                ProbeResults found = ProbeResults.FromPayload(said.Payload);
                Probes = new ProbeResults([.. found.Names, "Process limit"], [.. found.Results, processLimit]);
                break;
            case LaunchStatusKind.Probed:
                throw new SetupException(SetupFailureKind.Probe, "observation", "calls were refused, and nobody was told");
            default:
                SetupFailure failure = SetupFailure.FromPayload(said.Payload);
                throw new SetupException(failure.Kind, failure.Subject, failure.Detail);
        }
    }

    // The launcher waits to be answered, so it is one process more: what a limit that is too high to be filled up can be tried by.
    private void VerifyCount()
    {
        long processes = countProcesses();
        if (processes <= _processesBefore)
        {
            throw new SetupException(
                SetupFailureKind.Probe,
                "Process limit",
                $"a process more left the count of the control group at {processes}"
            );
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
