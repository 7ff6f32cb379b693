using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>A started agent: its process and the supervisor's ends of its streams.</summary>
internal sealed record AgentProcess(int ProcessId, int StandardOutput, int StandardError)
{
    private const string OwnExecutable = "/proc/self/exe";
    private const int PipeSize = 1024 * 1024;

    /// <summary>
    /// Starts a launcher and waits until it has become the agent, answering what the kernel asks about its calls meanwhile.
    /// </summary>
    /// <exception cref="SetupException">It could not, or a control does not hold.</exception>
    public static unsafe AgentProcess Start(LaunchPlan plan, LaunchObserver observer)
    {
        (int outputRead, int outputWrite) = Descriptor.CreatePipe();
        (int errorRead, int errorWrite) = Descriptor.CreatePipe();
        (int planRead, int planWrite) = Descriptor.CreatePipe();
        (int statusRead, int statusWrite) = Descriptor.CreatePipe();
        int processId = Spawn(outputWrite, errorWrite, planRead, statusWrite);
        LibC.close(outputWrite);
        LibC.close(errorWrite);
        LibC.close(planRead);
        LibC.close(statusWrite);
        Descriptor.WriteAll(planWrite, plan.ToPayload());
        LibC.close(planWrite);
        observer.Follow(processId, statusRead);
        LibC.close(statusRead);
        Descriptor.SetNonBlocking(outputRead);
        Descriptor.SetNonBlocking(errorRead);
        // Fewer wake-ups under a flood; the default size serves where the kernel refuses.
        LibC.fcntl(outputRead, SetPipeSize, PipeSize);
        LibC.fcntl(errorRead, SetPipeSize, PipeSize);
        return new AgentProcess(processId, outputRead, errorRead);
    }

    private static unsafe int Spawn(int output, int error, int plan, int status)
    {
        SpawnFileActions actions;
        LibC.posix_spawn_file_actions_init(&actions);
        try
        {
            fixed (byte* nothing = Descriptor.PathBytes("/dev/null"))
            fixed (byte* program = Descriptor.PathBytes(OwnExecutable))
            {
                LibC.posix_spawn_file_actions_addopen(&actions, 0, nothing, OpenReadOnly, 0);
                LibC.posix_spawn_file_actions_adddup2(&actions, output, 1);
                LibC.posix_spawn_file_actions_adddup2(&actions, error, 2);
                LibC.posix_spawn_file_actions_adddup2(&actions, plan, Launcher.PlanDescriptor);
                LibC.posix_spawn_file_actions_adddup2(&actions, status, Launcher.StatusDescriptor);
                int processId;
                int result = LibC.posix_spawn(
                    &processId,
                    program,
                    &actions,
                    null,
                    NativeStrings.Create([OwnExecutable, Launcher.Argument]),
                    NativeStrings.Create([])
                );
                return result == 0 ? processId : throw new KernelException("posix_spawn", result);
            }
        }
        finally
        {
            LibC.posix_spawn_file_actions_destroy(&actions);
        }
    }
}
