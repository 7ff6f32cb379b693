using System.Collections.Frozen;
using System.Globalization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress;
using IsolatedAgents.Engines;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Platform.Processes;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Repositories;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>Makes the requests to the engine and to the supervisor from a resolved run, for each route to a sandbox.</summary>
/// <param name="run">The run.</param>
/// <param name="image">The image as the engine has it.</param>
/// <param name="paths">Where the engine finds this machine's files.</param>
/// <param name="grace">Between SIGTERM and SIGKILL.</param>
/// <param name="trustedCertificates">
/// In PEM, what the agent is to trust beside the image's authorities; empty where nothing is inspected.
/// </param>
internal sealed class SandboxPlan(
    ResolvedRun run,
    ImageDescription image,
    HostPathMap paths,
    TimeSpan grace,
    string trustedCertificates = ""
)
{
    // An engine that is killed leaves the attached streams open at the supervisor's end. Long enough for a caller that is suspended for a
    // moment.
    private static readonly TimeSpan AttachLease = TimeSpan.FromSeconds(20);

    // Node reads this file beside the system's authorities; the other variables replace them.
    private const string AddingVariable = "NODE_EXTRA_CA_CERTS";

    private readonly SandboxLimits _limits = SandboxLimits.From(run.Policy);

    private readonly OutwardLinks _links = new();

    private readonly FrozenDictionary<string, byte[]> _shown = run.ShownConfigurations.ToFrozenDictionary(
        shown => shown.Path,
        shown => shown.Content,
        StringComparer.Ordinal
    );

    /// <summary>The workspace as the agent gets it; null when it may change nothing. The start of the sandbox fills it.</summary>
    public WorkspaceOriginal? Original { get; } =
        run.Policy.Filesystem.Workspace == WorkspaceAccess.Write && run.Workspace is not null
            ? new WorkspaceOriginal(run.Workspace, run.Inodes[run.Workspace]) { RecordFolder = run.RecordFolder }
            : null;

    private Policy Policy => run.Policy;

    // Copies belong to root, so that who may read them is settled here.
    private (int UserId, int GroupId) CopyReader
    {
        get
        {
            (int userId, int groupId) = run.Workspace is null ? (0, 0) : FileIdentity.Owner(run.Workspace) ?? (0, 0);
            return userId == 0 && NumericUser(image.User) is { } ofImage ? ofImage : AgentUser.Of(userId, groupId);
        }
    }

    // A copy belongs to somebody from the start, so that the image's user must be a number here: names are the image's to know.
    private static (int UserId, int GroupId)? NumericUser(string imageUser)
    {
        string[] parts = imageUser.Split(':', 2);
        int groupId = 0;
        return
            int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int userId)
            && userId != 0
            && (parts.Length == 1 || int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out groupId))
            ? AgentUser.Of(userId, groupId)
            : null;
    }

    /// <summary>The container's settings.</summary>
    /// <exception cref="EngineException">IA2004: something can only be mounted.</exception>
    public SandboxSpec CreateSpec(SandboxRoute route, ChannelFolder? channel) =>
        new()
        {
            SessionId = run.SessionId,
            ImageId = image.Id,
            SupervisorArguments = route.UsesSocket
                ? ["--socket", ChannelFolder.SocketPath, .. run.HasEgress ? ["--connections"] : Array.Empty<string>()]
                : [],
            Mounts = [.. Mounts(route, channel)],
            Copies = [.. route.CopiesFiles ? Files().Select(CreateCopy) : [], .. WorkspaceCopy()],
            CopyReader = CopyReader,
            Labels = SandboxLabels.Create(run.SessionId, Policy.TimeoutSeconds),
            MemoryBytes = _limits.MemoryBytes,
            CpuMillicores = _limits.CpuMillicores,
            PidsLimit = Policy.PidsLimit,
            TemporaryBytes = _limits.TemporaryBytes,
            SharedMemoryBytes = _limits.SharedMemoryBytes,
            ScratchPaths = AllowedPaths.Scratch(Policy),
            ProfileFile = channel is null
                ? null
                : (
                    channel.ProfilePath,
                    AsEngineKnows(new SandboxMount(channel.ProfilePath, SandboxPaths.Channel, IsWritable: false)).EnginePath
                ),
            OutputFileSystemBytes = _limits.OutputFileSystemBytes,
            OutputFileSystemEntries = _limits.OutputFileSystemEntries,
        };

    /// <summary>The supervisor's orders.</summary>
    public LaunchSpec CreateLaunch(SandboxRoute route, ChannelFolder? channel) =>
        new()
        {
            Arguments = [.. run.Agent.Command],
            Environment = [.. Environment()],
            WorkingDirectory = run.Workspace is null ? SandboxPaths.Temporary : SandboxPaths.Workspace,
            WorkspacePath = run.Workspace is null ? "" : SandboxPaths.Workspace,
            HostBootId = HostBoot.Id,
            AgentUserId = route.CopiesFiles || Original is not null ? CopyReader.UserId : 0,
            AgentGroupId = route.CopiesFiles || Original is not null ? CopyReader.GroupId : 0,
            ImageUser = image.User,
            ReadonlyPaths = [.. Mounts(route, channel).Where(mount => !mount.IsWritable).Select(mount => mount.SandboxPath)],
            ReadonlyInodes = [.. Mounts(route, channel).Where(mount => !mount.IsWritable).Select(mount => mount.Inode)],
            CopiedPaths = route.CopiesFiles ? [.. Files().Select(file => CreateCopy(file).VolumePath)] : [],
            AllowedReadPaths = [.. AllowedPaths.Read(Policy).Select(grant => grant.Path)],
            AllowedWritePaths = [.. AllowedPaths.Write(Policy).Select(grant => grant.Path)],
            AllowedEndpoints = [.. Policy.Network.AllowedEndpoints],
            TrustedCertificates = trustedCertificates,
            ProtectedPaths = [.. run.ProtectedPaths],
            Links = _links.All,
            MaxWorkspaceBytes = Policy.MaxWorkspaceBytes,
            IsWorkspaceWritable = Original is not null,
            RequireLandlock = Policy.Isolation.Require.HasFlag(IsolationControls.Landlock),
            SentinelPath = channel is { Sentinel.Length: > 0 } ? ChannelFolder.SentinelPath : "",
            Sentinel = channel?.Sentinel ?? "",
            HostNetworkNamespace = FileIdentity.NetworkNamespace(),
            TimeoutMilliseconds = Policy.TimeoutSeconds * 1000L,
            GraceMilliseconds = (long)grace.TotalMilliseconds,
            LeaseMilliseconds = route.UsesSocket ? 0 : (long)AttachLease.TotalMilliseconds,
            UsageIntervalMilliseconds = Math.Max(1, (long)(Policy.ResourceMonitorInterval * 1000)),
            MaxLogBytes = Policy.MaxLogBytes,
            OutputPath = SandboxPaths.Output,
            MaxOutputBytes = Policy.MaxOutputBytes,
            MaxOutputFiles = Policy.MaxOutputFiles,
            CollectOutputs = run.Output is not null,
            MemoryLimitBytes = _limits.MemoryBytes,
            PidsLimit = Policy.PidsLimit,
            CpuMillicores = _limits.CpuMillicores,
        };

    private IEnumerable<SandboxMount> Mounts(SandboxRoute route, ChannelFolder? channel)
    {
        if (channel is not null)
        {
            yield return AsEngineKnows(new SandboxMount(channel.HostPath, SandboxPaths.Channel, IsWritable: false));
            yield return AsEngineKnows(new SandboxMount(channel.HostsPath, SandboxPaths.Hosts, IsWritable: false));
        }

        foreach (SandboxMount mount in route.CopiesFiles ? [] : Files(channel))
        {
            yield return AsEngineKnows(mount);
        }

        foreach (SandboxMount mount in route.CopiesFiles || channel is null ? [] : Configurations(channel))
        {
            yield return AsEngineKnows(mount);
        }
    }

    // Over the files themselves: what a checkout step left of its token in a repository is not the agent's to read.
    private IEnumerable<SandboxMount> Configurations(ChannelFolder channel)
    {
        foreach (SandboxMount folder in Files(channel).Where(mount => Directory.Exists(mount.HostPath)))
        {
            foreach (ShownConfiguration shown in run.ShownConfigurations.Where(shown => shown.IsBelow(folder.HostPath)))
            {
                string path = channel.Show(shown.Content, shown.Path);
                yield return new SandboxMount(
                    path,
                    $"{folder.SandboxPath}/{Path.GetRelativePath(folder.HostPath, shown.Path)}",
                    IsWritable: false
                )
                {
                    Inode = FileIdentity.Inode(path),
                };
            }
        }
    }

    private SandboxMount AsEngineKnows(SandboxMount mount) =>
        paths.Find(mount.HostPath) is { } path
            ? mount with
            {
                EnginePath = path,
            }
            : throw new SandboxUnreachableException(
                DiagnosticTable.EngineLost,
                $"'{mount.HostPath}' is in this container alone, and no mount of it, so that the engine cannot show it to a sandbox. Mount the folder that holds it, or let files be copied (delivery 'copy').",
                isMountRefused: true
            );

    // The supervisor of a container image is in no mount of that container, but the channel's folder is.
    private SandboxMount Supervisor(ChannelFolder? channel)
    {
        string path = SupervisorExecutable.Locate();
        return new SandboxMount(
            channel is not null && paths.Find(path) is null ? channel.Place(path) : path,
            SandboxPaths.Supervisor,
            IsWritable: false
        );
    }

    private IEnumerable<SandboxMount> Files(ChannelFolder? channel = null)
    {
        yield return Supervisor(channel);
        if (run.Workspace is not null && Original is null)
        {
            yield return new SandboxMount(run.Workspace, SandboxPaths.Workspace, IsWritable: false) { Inode = run.Inodes[run.Workspace] };
        }

        if (run.Agent.Mount is { } agent)
        {
            yield return agent with
            {
                Inode = run.Inodes[agent.HostPath],
            };
        }

        foreach (ReadonlyMount mount in Policy.ReadonlyMounts)
        {
            yield return new SandboxMount(mount.HostPath, mount.SandboxPath, IsWritable: false) { Inode = run.Inodes[mount.HostPath] };
        }
    }

    // The agent's own, on every route: what it does to it reaches the workspace as a checked set of changes, or not at all.
    private IEnumerable<SandboxCopy> WorkspaceCopy()
    {
        if (Original is not null)
        {
            yield return new SandboxCopy(run.Workspace!, SandboxPaths.Workspace, "", run.Inodes[run.Workspace!])
            {
                Original = Original,
                Links = _links,
                Shown = _shown,
            };
        }
    }

    // A volume is a folder: a lone file needs one of its own, which would hide what an image has around a path of the policy's.
    private SandboxCopy CreateCopy(SandboxMount mount)
    {
        if (Directory.Exists(mount.HostPath))
        {
            return new SandboxCopy(mount.HostPath, mount.SandboxPath, "", mount.Inode)
            {
                AuditLog = run.AuditLog,
                Links = _links,
                Shown = _shown,
            };
        }

        int slash = mount.SandboxPath.LastIndexOf('/');
        string folder = mount.SandboxPath[..slash];
        return folder is SandboxPaths.Own or SandboxPaths.Agent
            ? new SandboxCopy(mount.HostPath, folder, mount.SandboxPath[(slash + 1)..], mount.Inode) { Links = _links }
            : throw new EngineException(
                DiagnosticTable.IsolationUnavailable,
                $"The file '{mount.HostPath}' of readonly_mounts can only be mounted, and the engine does not see this machine's files. Name a folder instead."
            );
    }

    // The image's own variables come first: the policy's win.
    private IEnumerable<string> Environment()
    {
        if (
            !run.Environment.ContainsKey("PATH")
            && !image.Environment.Any(variable => variable.StartsWith("PATH=", StringComparison.Ordinal))
        )
        {
            // 'docker import' makes images without one; shells have a default of their own, other programs do not.
            yield return $"PATH={AgentPath.Default}";
        }

        foreach (string variable in image.Environment)
        {
            int equals = variable.IndexOf('=', StringComparison.Ordinal);
            if (
                equals > 0
                && !run.Environment.ContainsKey(variable[..equals])
                && !(trustedCertificates.Length > 0 && EgressBroker.AuthorityVariables.Contains(variable[..equals]))
            )
            {
                yield return variable;
            }
        }

        foreach (string name in trustedCertificates.Length > 0 ? EgressBroker.AuthorityVariables : [])
        {
            if (!run.Environment.ContainsKey(name))
            {
                yield return $"{name}={(name == AddingVariable ? SandboxPaths.TrustedAuthority : SandboxPaths.TrustedBundle)}";
            }
        }

        foreach ((string name, string value) in run.Environment)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{name}={value}");
        }
    }
}
