using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Observation;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>Accompanies a launcher until it has become the agent.</summary>
internal sealed class LaunchObserver(FileRules rules, ActivityReport report, (int UserId, int GroupId) agent)
{
    // Each is both refused and told: TrySupervisor of the probe.
    private const int DenialsOfProbe = 3;

    /// <summary>Who answers from now on. Set once a launcher was followed to its end.</summary>
    public Observer? Observer { get; private set; }

    /// <summary>What the probes found.</summary>
    public ProbeResults? Probes { get; private set; }

    /// <exception cref="SetupException">The launcher gave up, or ended without having become the agent with every control in force.</exception>
    public void Follow(int processId, int status)
    {
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[2];
        while (true)
        {
            descriptors[0] = new PollDescriptor { Fd = status, Events = PollIn };
            descriptors[1] = Observer?.Poll ?? new PollDescriptor { Fd = -1 };
            Descriptor.Poll(descriptors, Timeout.Infinite);
            if (descriptors[1].Returned != 0)
            {
                Observer!.Answer(descriptors[1]);
            }

            if (descriptors[0].Returned != 0)
            {
                if (LaunchStatus.Read(status) is not { } said)
                {
                    break;
                }

                Take(processId, said);
            }
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
                Observer = new Observer(Take(processId, BitConverter.ToInt32(said.Payload)), rules, report);
                // From here on files are looked at for the agent alone, with its rights.
                _ = LibC.setfsgid(agent.GroupId);
                _ = LibC.setfsuid(agent.UserId);
                break;
            case LaunchStatusKind.Probed when report.Denials == DenialsOfProbe:
                Probes = ProbeResults.FromPayload(said.Payload);
                report.Restart();
                break;
            case LaunchStatusKind.Probed:
                throw new SetupException(SetupFailureKind.Probe, "observation", $"{report.Denials} of {DenialsOfProbe} refused calls were told");
            default:
                SetupFailure failure = SetupFailure.FromPayload(said.Payload);
                throw new SetupException(failure.Kind, failure.Subject, failure.Detail);
        }
    }

    private static SystemCallListener Take(int processId, int listener)
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
