using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.ControlGroups;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Identity;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Launching;
using IsolatedAgents.Supervisor.Observation;
using IsolatedAgents.Supervisor.Outputs;
using IsolatedAgents.Supervisor.Paths;
using IsolatedAgents.Supervisor.Reporting;
using IsolatedAgents.Supervisor.Setup;
using IsolatedAgents.Supervisor.Verification;
using IsolatedAgents.Supervisor.Workspaces;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor;

/// <summary>Process 1 of the sandbox: says hello, is told what to run, checks the sandbox, runs it, hands over what it left.</summary>
internal sealed unsafe class Supervisor(HostStream host)
{
    private const int HostTimeoutMilliseconds = 60_000;
    private const uint AnyoneMayWrite = 0x3FF;
    private const string OwnExecutable = "/proc/self/exe";

    private readonly HostChannel _channel = new(host);
    private LaunchSpec? _spec;

    /// <summary>
    /// Sees to it that no thread of this process can swallow a signal that is to be read: one that does not block it would, now and then.
    /// The runtime's own threads run before this code does, so the mask has to be there before they are: it outlives an exec.
    /// </summary>
    /// <param name="arguments">What this process was started with, and is again.</param>
    public static void BlockSignals(string[] arguments)
    {
        SignalSet set = ReadSignals();
        SignalSet before;
        KernelException.ThrowIfFailed("sigprocmask", LibC.sigprocmask(MaskBlock, &set, &before));
        if (LibC.sigismember(&before, SignalChild) == 1)
        {
            return;
        }

        fixed (byte* path = Descriptor.PathBytes(OwnExecutable))
        {
            LibC.execve(path, NativeStrings.Create([OwnExecutable, .. arguments]), NativeStrings.Create([]));
        }

        throw new KernelException("exec of the supervisor itself", System.Runtime.InteropServices.Marshal.GetLastPInvokeError());
    }

    /// <returns>0 when everything was handed over, 1 when the host went away or nothing could be run.</returns>
    public int Run()
    {
        // Nobody may attach to this process or read its memory, and a signal is something to read, not something that interrupts.
        KernelException.ThrowIfFailed("prctl", LibC.prctl(PrctlSetDumpable, 0, 0, 0, 0));
        LibC.signal(SignalPipe, SignalIgnore);
        int signals = OpenSignals();
        ControlGroup? controlGroup = ControlGroup.Open(ControlGroup.DefaultRoot);
        _channel.Send(FrameType.Hello, KernelFeatures.Describe(controlGroup?.Version ?? 0).ToPayload());
        _channel.Wait(() => _spec is not null, TakeLaunch, HostTimeoutMilliseconds);
        if (_spec is null)
        {
            return 1;
        }

        try
        {
            RunAgent(_spec, controlGroup, signals);
        }
        catch (SetupException failure)
        {
            _channel.Send(FrameType.SetupFailed, new SetupFailure(failure.Kind, failure.Subject, failure.Message).ToPayload());
            _channel.Send(FrameType.Done, []);
        }

        // The host closes the stream when it has everything; leaving before that could lose the last bytes on their way.
        _channel.Wait(() => false, static (_, _) => { }, HostTimeoutMilliseconds);
        return _channel.IsDrained ? 0 : 1;
    }

    private void RunAgent(LaunchSpec spec, ControlGroup? controlGroup, int signals)
    {
        LinkMaker.Make(spec.Links, path => !IsInWorkspaceCopy(spec, path));
        SandboxCheck.Verify(spec, controlGroup);
        string processLimit = new ProcessLimitProbe(controlGroup!).Try(controlGroup!.ReadLimits());
        long processesDenied = controlGroup.ReadUsage().PidsDenied;
        fixed (byte* path = Descriptor.PathBytes(spec.OutputPath))
        {
            // A volume comes owned by root; a tmpfs has this mode already.
            KernelException.ThrowIfFailed("chmod the output folder", LibC.chmod(path, AnyoneMayWrite));
        }

        UserDatabase users = UserDatabase.Read();
        AgentIdentity identity = AgentIdentity.Choose(spec, users);
        (int userId, int groupId) = (identity.UserId, identity.GroupId);
        WorkspaceCopy? workspace = spec.IsWorkspaceWritable ? TakeWorkspace(spec, userId, groupId) : null;
        using ActivityReport report = new(SandboxProbe.DenialsTold + SandboxProbe.LookupsTold);
        OwnFiles.WriteCertificates(spec.TrustedCertificates);
        OwnFiles.WriteGitConfiguration();
        OwnFiles.WriteUsers(users, identity.Entry(users, spec.Environment));
        SubstituteFiles substitutes = new();
        substitutes.Add(UserDatabase.UserFile, OwnFiles.Users);
        substitutes.Add(UserDatabase.GroupFile, OwnFiles.Groups);
        string[] readPaths = identity.ImageHome is { } home ? [.. spec.AllowedReadPaths, home] : spec.AllowedReadPaths;
        FramePipe? pipe = null;
        EgressGate gate = EgressService.Start(
            spec.AllowedEndpoints,
            loop => spec.AllowedEndpoints.Length > 0 ? CreateCarrier(loop, out pipe) : null,
            report,
            (userId, groupId)
        );
        ObserverParts parts = new(CreateRules(spec, readPaths), substitutes, gate, report);
        LaunchObserver observer = new(parts, (userId, groupId), () => controlGroup.ReadUsage().Pids, processLimit);
        AgentProcess agent = AgentProcess.Start(
            new LaunchPlan(
                spec.Arguments,
                spec.Environment,
                spec.WorkingDirectory,
                userId,
                groupId,
                readPaths,
                spec.AllowedWritePaths,
                spec.RequireLandlock,
                gate.Nobodys.ToString()
            ),
            observer
        );
        // From here on this thread looks at files with the agent's rights alone.
        _ = LibC.setfsgid(groupId);
        _ = LibC.setfsuid(userId);
        _channel.Send(FrameType.Verified, observer.Probes!.ToPayload());
        _channel.Send(FrameType.Started, new Started(agent.ProcessId, userId, groupId).ToPayload());
        OutputWatch outputs = new(spec);
        AgentExit? exit = new AgentSession(_channel, spec, controlGroup, agent, signals)
        {
            Outputs = outputs,
            Report = report,
            Connections = pipe,
            Workspace = workspace,
            ProcessesDeniedBefore = processesDenied,
        }.Run();
        if (exit is null)
        {
            return;
        }

        _channel.Send(FrameType.Exited, exit.ToPayload());
        new OutputSender(_channel, spec, outputs).Send();
        if (workspace is not null)
        {
            new WorkspaceSender(_channel, spec, workspace).Send(isExceeded: exit.Cause == EndCause.WorkspaceLimit);
        }

        _channel.Send(FrameType.Done, []);
    }

    // Over a socket, connections go to the host as they are; in frames otherwise.
    private IConnectionCarrier CreateCarrier(EgressLoop loop, out FramePipe? pipe)
    {
        if (host.Connections >= 0)
        {
            pipe = null;
            return new DescriptorCarrier(host.Connections);
        }

        pipe = FramePipe.Create(out int carrierEnd);
        return new FrameCarrier(carrierEnd, loop);
    }

    // Root has no privilege over files here: what is the agent's is looked at as the agent.
    private static WorkspaceCopy TakeWorkspace(LaunchSpec spec, int userId, int groupId)
    {
        string path = spec.WorkspacePath;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            // What lies in a volume came with its owner; the volume itself is the engine's.
            KernelException.ThrowIfFailed("chown the workspace", LibC.lchown(pointer, userId, groupId));
        }

        Capabilities.Drop(CapabilityChangeOwner);
        _ = LibC.setfsgid(groupId);
        _ = LibC.setfsuid(userId);
        try
        {
            LinkMaker.Make(spec.Links, link => IsInWorkspaceCopy(spec, link));
            return WorkspaceCopy.Take(path, userId);
        }
        finally
        {
            _ = LibC.setfsuid(0);
            _ = LibC.setfsgid(0);
        }
    }

    private static bool IsInWorkspaceCopy(LaunchSpec spec, string path) =>
        spec.IsWorkspaceWritable && path.StartsWith(spec.WorkspacePath + "/", StringComparison.Ordinal);

    private static FileRules CreateRules(LaunchSpec spec, string[] readPaths)
    {
        FileRules rules = new(ToPaths(readPaths), ToPaths(spec.AllowedWritePaths));
        return spec.IsWorkspaceWritable ? rules.Protecting(spec.WorkspacePath, [.. spec.ProtectedPaths.Select(ToBytes)]) : rules;
    }

    private static string ToBytes(string path) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(path));

    // As the kernel's paths are kept, each byte as one character; and where each leads, since what is asked for is resolved too.
    private static string[] ToPaths(string[] paths)
    {
        PathResolver resolver = new();
        PathBuffer found = new();
        List<string> plain = [.. paths.Select(ToBytes)];
        foreach (string path in paths)
        {
            resolver.Resolve(LibC.getpid(), CurrentDirectory, Encoding.UTF8.GetBytes(path), followLast: true, found);
            plain.Add(found.Text.ToString());
        }

        resolver.Close();
        return [.. plain.Distinct()];
    }

    private void TakeLaunch(FrameType type, byte[] payload) =>
        _spec = (type, _spec) switch
        {
            (FrameType.Launch, null) => LaunchSpec.FromPayload(payload),
            (FrameType.Stop or FrameType.Alive, _) => _spec,
            _ => throw new ProtocolException($"A {type} frame came instead of a launch."),
        };

    // The end of a child, and the request to end.
    private static SignalSet ReadSignals()
    {
        SignalSet set;
        LibC.sigemptyset(&set);
        LibC.sigaddset(&set, SignalChild);
        LibC.sigaddset(&set, SignalTerminate);
        return set;
    }

    private static int OpenSignals()
    {
        const int NonBlockingCloseOnExec = OpenNonBlocking | OpenCloseOnExec;
        SignalSet set = ReadSignals();
        int fd = LibC.signalfd(-1, &set, NonBlockingCloseOnExec);
        KernelException.ThrowIfFailed("signalfd", fd);
        return fd;
    }
}
