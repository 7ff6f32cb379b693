using System.Globalization;
using Docker.DotNet.Models;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Engines.Docker;

/// <summary>The settings that every sandbox's container has. Each one is looked at from inside before the agent starts.</summary>
internal static class ContainerSettings
{
    private const string NoNewPrivileges = "no-new-privileges";

    // What the supervisor needs to become the agent's user, to end whatever it starts and to read the arguments of its calls; to give the
    // loopback interface the addresses of endpoints and name servers, which it gives up before the agent starts; and to listen at their
    // ports. The agent gets none of them.
    private static readonly string[] SupervisorCapabilities = ["SETUID", "SETGID", "KILL", "SYS_PTRACE", "NET_ADMIN", "NET_BIND_SERVICE"];

    private const long TrustBytes = 4 * 1024 * 1024;

    // To make a volume the agent's, which an engine makes root's. Given up before the agent starts.
    private const string GiveAway = "CHOWN";

    /// <param name="spec">What the sandbox is to be.</param>
    /// <param name="isAttached">Whether the stream to the supervisor is the container's own.</param>
    /// <param name="isPodman">Whether it is for Podman.</param>
    /// <param name="profile">The system calls' profile, as the engine takes it.</param>
    public static CreateContainerParameters Create(SandboxSpec spec, bool isAttached, bool isPodman, string profile) =>
        new()
        {
            Image = spec.ImageId,
            Entrypoint = [SandboxPaths.Supervisor],
            Cmd = [.. spec.SupervisorArguments],
            User = "0:0",
            WorkingDir = "/",
            Hostname = "sandbox",
            Labels = spec.Labels.ToDictionary(),
            AttachStdin = isAttached,
            AttachStdout = isAttached,
            AttachStderr = isAttached,
            OpenStdin = isAttached,
            // The end of our connection is the end of the supervisor's input: the lease.
            StdinOnce = isAttached,
            Tty = false,
            // With "none" alone the engine still sets a network up, at a cost of some 200 ms.
            NetworkDisabled = true,
            HostConfig = new HostConfig
            {
                NetworkMode = "none",
                IpcMode = "private",
                ReadonlyRootfs = true,
                Privileged = false,
                CapDrop = ["ALL"],
                CapAdd = [.. SupervisorCapabilities, .. spec.Copies.Any(copy => copy.Original is not null) ? new[] { GiveAway } : []],
                SecurityOpt = [NoNewPrivileges, $"seccomp={profile}"],
                AutoRemove = true,
                RestartPolicy = new RestartPolicy { Name = RestartPolicyKind.No },
                // Any other driver copies every byte again, to a disk that it can fill.
                LogConfig = new LogConfig { Type = "none" },
                Memory = spec.MemoryBytes,
                MemorySwap = spec.MemoryBytes,
                NanoCPUs = spec.CpuMillicores * 1_000_000,
                PidsLimit = spec.PidsLimit,
                ShmSize = spec.SharedMemoryBytes,
                Mounts = [.. spec.Mounts.Select(CreateBind), .. Volumes(spec).Distinct().Select(CreateVolume)],
                Tmpfs = CreateTmpfs(spec, isPodman),
            },
        };

    private static Mount CreateBind(SandboxMount mount) =>
        new()
        {
            // Unlike the older form, a mount of this kind is refused when its source is missing.
            Type = "bind",
            Source = mount.EnginePath,
            Target = mount.SandboxPath,
            ReadOnly = !mount.IsWritable,
            BindOptions = new BindOptions { Propagation = "rprivate" },
        };

    private static IEnumerable<string> Volumes(SandboxSpec spec) =>
        [
            .. spec.Copies.Select(copy => copy.VolumePath),
            .. spec.OutputFileSystemBytes is null ? [SandboxPaths.Output] : Array.Empty<string>(),
        ];

    private static Mount CreateVolume(string path) =>
        new()
        {
            Type = "volume",
            Target = path,
            // What an image has there is not the agent's.
            VolumeOptions = new VolumeOptions { NoCopy = true },
        };

    private static Dictionary<string, string> CreateTmpfs(SandboxSpec spec, bool isPodman)
    {
        // Podman would fill it with what the image has there, which is another's.
        string empty = isPodman ? ",notmpcopyup" : "";
        Dictionary<string, string> fileSystems = spec
            .ScratchPaths.Concat(SandboxPaths.TemporaryFolders)
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(
                path => path,
                _ => string.Create(CultureInfo.InvariantCulture, $"rw,exec,nosuid,nodev,mode=1777,size={spec.TemporaryBytes}{empty}")
            );
        if (spec.OutputFileSystemBytes is { } bytes)
        {
            // Podman refuses a bound on entries; there the memory limit, which counts them, is the only one.
            string entries = isPodman ? "" : string.Create(CultureInfo.InvariantCulture, $",nr_inodes={spec.OutputFileSystemEntries}");
            fileSystems[SandboxPaths.Output] = string.Create(
                CultureInfo.InvariantCulture,
                $"rw,noexec,nosuid,nodev,mode=1777,size={bytes}{entries}"
            );
        }

        // Root's alone to write to.
        fileSystems[SandboxPaths.Trust] = string.Create(
            CultureInfo.InvariantCulture,
            $"rw,noexec,nosuid,nodev,mode=755,size={TrustBytes}{empty}"
        );
        return fileSystems;
    }
}
