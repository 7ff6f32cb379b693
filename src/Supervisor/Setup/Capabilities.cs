using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Setup;

/// <summary>Gives up capabilities that the supervisor needs for its set-up alone, before an agent starts: capabilities(7).</summary>
internal static unsafe class Capabilities
{
    /// <summary>Gives one up on this thread and on all that are started from it.</summary>
    public static void Drop(int capability)
    {
        CapabilityHeader header = new() { Version = CapabilityVersion3 };
        CapabilitySets sets = default;
        KernelException.ThrowIfFailed("capget", (int)LibC.syscall(SystemCallCapGet, (nint)(&header), (nint)(&sets), 0, 0));
        // Effective, permitted and inheritable, the lower half of each first.
        for (int set = 0; set < 3; set++)
        {
            sets.Words[set] &= ~(1u << capability);
        }

        KernelException.ThrowIfFailed("capset", (int)LibC.syscall(SystemCallCapSet, (nint)(&header), (nint)(&sets), 0, 0));
        CapabilitySets left = default;
        KernelException.ThrowIfFailed("capget", (int)LibC.syscall(SystemCallCapGet, (nint)(&header), (nint)(&left), 0, 0));
        if (((left.Words[0] | left.Words[1]) & (1u << capability)) != 0)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "the supervisor's privileges",
                $"capability {capability} could not be given up"
            );
        }
    }
}
