using System.Globalization;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.ControlGroups;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Verification;

/// <summary>
/// Looks from inside whether the engine did what it was asked. A control that was asked for and silently left out is the commonest failure
/// of sandboxes.
/// </summary>
internal static unsafe class SandboxCheck
{
    private const string OnlyInterface = "lo";

    /// <exception cref="SetupException">A control is not in force.</exception>
    public static void Verify(LaunchSpec spec, ControlGroup? controlGroup)
    {
        Require(LibC.getpid() == 1, "process namespace", "the supervisor is not process 1");
        // Inodes of another kernel, such as a virtual machine's, mean nothing.
        bool isHostKernel = spec.HostBootId.Length > 0 && spec.HostBootId == File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        VerifyNetwork(isHostKernel ? spec.HostNetworkNamespace : 0);
        VerifyLimits(spec, controlGroup);
        Require(!IsWritable("/"), "read-only root", "the root file system is writable");
        MountTable mounts = MountTable.Parse(File.ReadLines("/proc/self/mountinfo"));
        foreach (string path in spec.ReadonlyPaths)
        {
            string? writable = mounts.FindWritable(path);
            Require(writable is null, "read-only mount", writable ?? "");
        }

        foreach (string path in spec.CopiedPaths)
        {
            string? writable = CopiedFolder.FindWritable(path);
            Require(writable is null, "read-only copy", writable ?? "");
        }

        VerifyMountSource(spec, isHostKernel);
    }

    // A path that the engine knows too need not be the same folder.
    private static void VerifyMountSource(LaunchSpec spec, bool isHostKernel)
    {
        for (int i = 0; isHostKernel && i < spec.ReadonlyPaths.Length; i++)
        {
            string path = spec.ReadonlyPaths[i];
            Require(
                spec.ReadonlyInodes[i] == 0 || (long)Status(path, "mount").Inode == spec.ReadonlyInodes[i],
                "mount",
                $"what is mounted at '{path}' is not what was checked: it was replaced meanwhile, or the engine does not share this file system"
            );
        }

        if (spec.SentinelPath.Length > 0)
        {
            Require(
                File.Exists(spec.SentinelPath) && File.ReadAllText(spec.SentinelPath) == spec.Sentinel,
                "mounted folders",
                "what the engine mounts is not the host's: it does not share this file system"
            );
        }
    }

    private static void VerifyNetwork(long hostNamespace)
    {
        foreach (string line in File.ReadLines("/proc/net/dev").Skip(2))
        {
            string name = line[..line.IndexOf(':', StringComparison.Ordinal)].Trim();
            Require(name == OnlyInterface, "empty network", $"there is a network interface '{name}'");
        }

        string? link = new FileInfo("/proc/self/ns/net").LinkTarget;
        if (hostNamespace != 0)
        {
            Require(
                link is not null && link != string.Create(CultureInfo.InvariantCulture, $"net:[{hostNamespace}]"),
                "network namespace",
                "it is the host's"
            );
        }
    }

    private static void VerifyLimits(LaunchSpec spec, ControlGroup? controlGroup)
    {
        if (controlGroup is null)
        {
            throw new SetupException(SetupFailureKind.Isolation, "resource limits", "no control group is visible in the sandbox");
        }

        ControlGroupLimits limits = controlGroup.ReadLimits();
        RequireLimit("memory limit", limits.MemoryBytes, spec.MemoryLimitBytes, tolerance: 0);
        // Engines leave the swap figure out where the kernel does not account for swap.
        if (limits.MemoryAndSwapBytes >= 0)
        {
            RequireLimit("swap limit", limits.MemoryAndSwapBytes, spec.MemoryLimitBytes, tolerance: 0);
        }

        RequireLimit("process limit", limits.Pids, spec.PidsLimit, tolerance: 0);
        RequireLimit("CPU limit", limits.CpuMillicores, spec.CpuMillicores, tolerance: 1);
    }

    private static void RequireLimit(string control, long found, long expected, long tolerance) =>
        Require(
            found >= 0 && Math.Abs(found - expected) <= tolerance,
            control,
            found < 0 ? "none is in force" : string.Create(CultureInfo.InvariantCulture, $"{found} is in force instead of {expected}")
        );

    /// <exception cref="SetupException">It is not there.</exception>
    internal static FileStatus Status(string path, string control)
    {
        FileStatus status;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            if (LibC.fstatat(CurrentDirectory, pointer, &status, NoFollow) < 0)
            {
                throw new SetupException(SetupFailureKind.Isolation, control, $"'{path}' is not there");
            }
        }

        return status;
    }

    private static bool IsWritable(string path)
    {
        const long ReadOnlyFlag = 1;
        int fd;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            fd = LibC.open(pointer, OpenReadOnly | OpenDirectory | OpenCloseOnExec, 0);
        }

        KernelException.ThrowIfFailed("open", fd);
        FileSystemStatus status;
        int result = LibC.fstatfs(fd, &status);
        LibC.close(fd);
        KernelException.ThrowIfFailed("statfs", result);
        return (status.Flags & ReadOnlyFlag) == 0;
    }

    /// <exception cref="SetupException">It does not hold.</exception>
    internal static void Require(bool holds, string control, string found)
    {
        if (!holds)
        {
            throw new SetupException(SetupFailureKind.Isolation, control, found);
        }
    }
}
