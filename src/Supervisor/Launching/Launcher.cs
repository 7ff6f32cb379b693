using System.Runtime.InteropServices;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>
/// The short-lived process between supervisor and agent. It gives up every privilege, proves that they are gone, and becomes the agent.
/// A process of its own because what follows a fork of a managed process is not defined.
/// </summary>
internal static unsafe class Launcher
{
    /// <summary>First argument of a supervisor that is to be a launcher.</summary>
    public const string Argument = "launch";

    /// <summary>The descriptor from which the launcher reads its plan.</summary>
    public const int PlanDescriptor = 3;

    /// <summary>The descriptor over which it reports a failure; a successful exec closes it without a message.</summary>
    public const int StatusDescriptor = 4;

    public static int Run()
    {
        try
        {
            LaunchPlan plan = LaunchPlan.FromPayload(Descriptor.ReadToEnd(PlanDescriptor));
            LibC.close(PlanDescriptor);
            KernelException.ThrowIfFailed("fcntl", LibC.fcntl(StatusDescriptor, SetDescriptorFlags, CloseOnExec));
            Restrict(plan);
            VerifyRestrictions(plan);
            Probe(plan);
            BecomeAgent(plan);
        }
        catch (SetupException failure)
        {
            LaunchStatus.Write(
                StatusDescriptor,
                LaunchStatusKind.Failed,
                new SetupFailure(failure.Kind, failure.Subject, failure.Message).ToPayload()
            );
        }
        catch (KernelException failure)
        {
            LaunchStatus.Write(
                StatusDescriptor,
                LaunchStatusKind.Failed,
                new SetupFailure(SetupFailureKind.Isolation, "agent restrictions", failure.Message).ToPayload()
            );
        }

        return 1;
    }

    private static void Restrict(LaunchPlan plan)
    {
        LibC.setsid();
        // The kernel takes the agent first, so that the supervisor lives to report it.
        File.WriteAllText("/proc/self/oom_score_adj", "1000");
        ResourceLimit noCoreFiles = default;
        KernelException.ThrowIfFailed("setrlimit", LibC.setrlimit(LimitCore, &noCoreFiles));
        // A folder may be open to root alone, or to the agent alone: root has no privilege over files here.
        bool isEntered = ChangeDirectory(plan.WorkingDirectory) == 0;
        KernelException.ThrowIfFailed("setgroups", LibC.setgroups(0, null));
        KernelException.ThrowIfFailed("setresgid", LibC.setresgid(plan.GroupId, plan.GroupId, plan.GroupId));
        KernelException.ThrowIfFailed("setresuid", LibC.setresuid(plan.UserId, plan.UserId, plan.UserId));
        if (!isEntered)
        {
            KernelException.ThrowIfFailed("chdir to the working directory", ChangeDirectory(plan.WorkingDirectory));
        }

        CapabilityHeader header = new() { Version = CapabilityVersion3 };
        CapabilitySets none = default;
        KernelException.ThrowIfFailed("capset", (int)LibC.syscall(SystemCallCapSet, (nint)(&header), (nint)(&none), 0, 0));
        LibC.prctl(PrctlCapabilityAmbient, CapabilityAmbientClearAll, 0, 0, 0);
        KernelException.ThrowIfFailed("no_new_privs", LibC.prctl(PrctlSetNoNewPrivileges, 1, 0, 0, 0));
    }

    // The kernel's own controls are tried before the supervisor is asked about anything: after that, its answers would hide what they do.
    private static void Probe(LaunchPlan plan)
    {
        SandboxProbe probe = new();
        int landlock = FileRestriction.Version;
        if (landlock > 0)
        {
            FileRestriction.Install(landlock, plan.AllowedReadPaths, plan.AllowedWritePaths);
        }
        else if (plan.RequireLandlock)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "Landlock",
                "this kernel, or the engine's system-call filter, does not offer it, and isolation.require asks for it"
            );
        }

        probe.TryKernel(landlock);
        int listener = SystemCallFilter.Install();
        LaunchStatus.Write(StatusDescriptor, LaunchStatusKind.Listener, BitConverter.GetBytes(listener));
        probe.TrySupervisor(plan.UnusedAddress);
        probe.TryNames();
        LaunchStatus.Write(StatusDescriptor, LaunchStatusKind.Probed, probe.Results.ToPayload());
    }

    private static void VerifyRestrictions(LaunchPlan plan)
    {
        int real,
            effective,
            saved;
        LibC.getresuid(&real, &effective, &saved);
        Require(
            real == plan.UserId && effective == plan.UserId && saved == plan.UserId && plan.UserId != 0,
            "non-root user",
            $"user ids are {real}, {effective}, {saved}"
        );
        LibC.getresgid(&real, &effective, &saved);
        Require(
            real == plan.GroupId && effective == plan.GroupId && saved == plan.GroupId && plan.GroupId != 0,
            "non-root group",
            $"group ids are {real}, {effective}, {saved}"
        );
        Require(LibC.getgroups(0, null) == 0, "no supplementary groups", "some are left");
        CapabilityHeader header = new() { Version = CapabilityVersion3 };
        CapabilitySets sets = default;
        KernelException.ThrowIfFailed("capget", (int)LibC.syscall(SystemCallCapGet, (nint)(&header), (nint)(&sets), 0, 0));
        uint left = 0;
        for (int i = 0; i < 6; i++)
        {
            left |= sets.Words[i];
        }

        Require(left == 0, "no capabilities", "some are left");
        Require(LibC.prctl(PrctlGetNoNewPrivileges, 0, 0, 0, 0) == 1, "no_new_privs", "it is not set");
    }

    private static void BecomeAgent(LaunchPlan plan)
    {
        // The runtime ignores SIGPIPE; an agent expects the default, and an empty mask.
        LibC.signal(SignalPipe, SignalDefault);
        SignalSet none;
        LibC.sigemptyset(&none);
        LibC.sigprocmask(MaskSet, &none, null);
        if (LibC.syscall(SystemCallCloseRange, 3, int.MaxValue, CloseRangeCloseOnExec, 0) < 0)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "no inherited descriptors",
                KernelException.ErrorName(Marshal.GetLastPInvokeError())
            );
        }

        byte** arguments = NativeStrings.Create(plan.Arguments);
        byte** environment = NativeStrings.Create(plan.Environment);
        int error = NoEntry;
        foreach (string candidate in ProgramPath.Candidates(plan.Arguments[0], plan.Environment))
        {
            fixed (byte* path = Descriptor.PathBytes(candidate))
            {
                LibC.execve(path, arguments, environment);
            }

            int candidateError = Marshal.GetLastPInvokeError();
            // A later folder may still hold it; what was found but cannot be run is the better reason.
            if (candidateError is not (NoEntry or NotDirectory))
            {
                error = candidateError;
            }
        }

        throw new SetupException(SetupFailureKind.Agent, plan.Arguments[0], KernelException.ErrorName(error));
    }

    private static int ChangeDirectory(string path)
    {
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            return LibC.chdir(pointer);
        }
    }

    private static void Require(bool holds, string control, string found)
    {
        if (!holds)
        {
            throw new SetupException(SetupFailureKind.Isolation, control, found);
        }
    }
}
