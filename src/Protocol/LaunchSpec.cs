namespace IsolatedAgents.Protocol;

/// <summary>Everything the supervisor is told. Sent once, over the stream: never by argument, environment, label or file.</summary>
internal sealed record LaunchSpec
{
    /// <summary>The agent's program and arguments; at least one.</summary>
    public required string[] Arguments { get; init; }

    /// <summary>The agent's whole environment, as <c>NAME=value</c>.</summary>
    public required string[] Environment { get; init; }

    /// <summary>Absolute sandbox path that the agent starts in.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>Sandbox path of the workspace, or empty where there is none. Its owner, unless root, is who the agent runs as.</summary>
    public string WorkspacePath { get; init; } = "";

    /// <summary>
    /// The host's boot id, or empty. Where the sandbox finds the same one, both are under one kernel, and inodes can be compared.
    /// </summary>
    public string HostBootId { get; init; } = "";

    /// <summary>The agent's user; 0 when the owner of the mounted workspace decides.</summary>
    public int AgentUserId { get; init; }

    /// <summary>Its group; 0 likewise.</summary>
    public int AgentGroupId { get; init; }

    /// <summary>
    /// The image's own user, <c>user</c> or <c>user:group</c> by name or number, or empty: who the agent runs as where nothing else
    /// decides.
    /// </summary>
    public string ImageUser { get; init; } = "";

    /// <summary>Sandbox paths that must be mounts of their own and read-only, with everything that is mounted below them.</summary>
    public required string[] ReadonlyPaths { get; init; }

    /// <summary>
    /// For each of those the inode that the host saw when it checked the path; 0 where it saw none. Proves that the mount shows the host's
    /// file, and the one that was checked.
    /// </summary>
    public required long[] ReadonlyInodes { get; init; }

    /// <summary>
    /// Sandbox paths of folders that were filled with copies: all that is in them must belong to root, writable by nobody else.
    /// </summary>
    public required string[] CopiedPaths { get; init; }

    /// <summary>Sandbox paths that the agent may read, with all that is below them.</summary>
    public required string[] AllowedReadPaths { get; init; }

    /// <summary>Sandbox paths that the agent may read and write, with all that is below them.</summary>
    public required string[] AllowedWritePaths { get; init; }

    /// <summary>
    /// The endpoints that the agent may connect to, in the spelling of <see cref="EndpointMatcher"/>. Empty: nothing, and no lookups
    /// either.
    /// </summary>
    public string[] AllowedEndpoints { get; init; } = [];

    /// <summary>
    /// Certificates, in PEM, that the agent's programs are to trust beside those of the image; empty where there are none.
    /// </summary>
    public string TrustedCertificates { get; init; } = "";

    /// <summary>Globs below the workspace that are not written although it may be: <see cref="PathGlobs"/>.</summary>
    public string[] ProtectedPaths { get; init; } = [];

    /// <summary>Whether <see cref="WorkspacePath"/> is a private copy that the agent may change, and whose changes are sent.</summary>
    public bool IsWorkspaceWritable { get; init; }

    /// <summary>Bound on the bytes of that copy while the agent works on it, by apparent size or by what it takes of a disk.</summary>
    public long MaxWorkspaceBytes { get; init; }

    /// <summary>
    /// Links that no engine takes in an archive, since they lead out of it: the sandbox path of each, followed by what it leads to.
    /// </summary>
    public string[] Links { get; init; } = [];

    /// <summary>Whether the agent is not to be started where the kernel has no Landlock.</summary>
    public bool RequireLandlock { get; init; }

    /// <summary>
    /// Sandbox path of the file that shows whether mounts are the host's folders; empty where there is no mount to doubt.
    /// </summary>
    public string SentinelPath { get; init; } = "";

    /// <summary>The content that the file must have.</summary>
    public string Sentinel { get; init; } = "";

    /// <summary>Inode of the host's network namespace; 0 where it has none.</summary>
    public long HostNetworkNamespace { get; init; }

    /// <summary>The agent's wall clock in milliseconds.</summary>
    public long TimeoutMilliseconds { get; init; }

    /// <summary>Between SIGTERM and SIGKILL, in milliseconds.</summary>
    public long GraceMilliseconds { get; init; }

    /// <summary>
    /// How long the host may be silent, in milliseconds, before it counts as gone; 0 where the end of the stream shows it at once.
    /// </summary>
    public long LeaseMilliseconds { get; init; }

    /// <summary>Between two <see cref="FrameType.Usage"/> frames, in milliseconds.</summary>
    public long UsageIntervalMilliseconds { get; init; }

    /// <summary>Agent output, both streams together, that is sent; the rest is counted.</summary>
    public long MaxLogBytes { get; init; }

    /// <summary>Sandbox path of the output folder.</summary>
    public required string OutputPath { get; init; }

    /// <summary>Bound on the bytes in the output folder, by apparent size.</summary>
    public long MaxOutputBytes { get; init; }

    /// <summary>Bound on the entries in the output folder.</summary>
    public int MaxOutputFiles { get; init; }

    /// <summary>Whether outputs are sent; they are measured in any case.</summary>
    public bool CollectOutputs { get; init; }

    /// <summary>The memory limit that must be in force, in bytes.</summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>The process limit that must be in force.</summary>
    public long PidsLimit { get; init; }

    /// <summary>The CPU limit that must be in force, in thousandths of a core.</summary>
    public long CpuMillicores { get; init; }

    public byte[] ToPayload() =>
        new MessageWriter()
            .Texts(Arguments)
            .Texts(Environment)
            .Text(WorkingDirectory)
            .Text(WorkspacePath)
            .Text(HostBootId)
            .Int32(AgentUserId)
            .Int32(AgentGroupId)
            .Text(ImageUser)
            .Texts(ReadonlyPaths)
            .Int64s(ReadonlyInodes)
            .Texts(CopiedPaths)
            .Texts(AllowedReadPaths)
            .Texts(AllowedWritePaths)
            .Texts(AllowedEndpoints)
            .Text(TrustedCertificates)
            .Texts(ProtectedPaths)
            .Flag(IsWorkspaceWritable)
            .Int64(MaxWorkspaceBytes)
            .Texts(Links)
            .Flag(RequireLandlock)
            .Text(SentinelPath)
            .Text(Sentinel)
            .Int64(HostNetworkNamespace)
            .Int64(TimeoutMilliseconds)
            .Int64(GraceMilliseconds)
            .Int64(LeaseMilliseconds)
            .Int64(UsageIntervalMilliseconds)
            .Int64(MaxLogBytes)
            .Text(OutputPath)
            .Int64(MaxOutputBytes)
            .Int32(MaxOutputFiles)
            .Flag(CollectOutputs)
            .Int64(MemoryLimitBytes)
            .Int64(PidsLimit)
            .Int64(CpuMillicores)
            .Written.ToArray();

    public static LaunchSpec FromPayload(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        LaunchSpec spec = new()
        {
            Arguments = reader.Texts(),
            Environment = reader.Texts(),
            WorkingDirectory = reader.Text(),
            WorkspacePath = reader.Text(),
            HostBootId = reader.Text(),
            AgentUserId = reader.Int32(),
            AgentGroupId = reader.Int32(),
            ImageUser = reader.Text(),
            ReadonlyPaths = reader.Texts(),
            ReadonlyInodes = reader.Int64s(),
            CopiedPaths = reader.Texts(),
            AllowedReadPaths = reader.Texts(),
            AllowedWritePaths = reader.Texts(),
            AllowedEndpoints = reader.Texts(),
            TrustedCertificates = reader.Text(),
            ProtectedPaths = reader.Texts(),
            IsWorkspaceWritable = reader.Flag(),
            MaxWorkspaceBytes = reader.Int64(),
            Links = reader.Texts(),
            RequireLandlock = reader.Flag(),
            SentinelPath = reader.Text(),
            Sentinel = reader.Text(),
            HostNetworkNamespace = reader.Int64(),
            TimeoutMilliseconds = reader.Int64(),
            GraceMilliseconds = reader.Int64(),
            LeaseMilliseconds = reader.Int64(),
            UsageIntervalMilliseconds = reader.Int64(),
            MaxLogBytes = reader.Int64(),
            OutputPath = reader.Text(),
            MaxOutputBytes = reader.Int64(),
            MaxOutputFiles = reader.Int32(),
            CollectOutputs = reader.Flag(),
            MemoryLimitBytes = reader.Int64(),
            PidsLimit = reader.Int64(),
            CpuMillicores = reader.Int64(),
        };
        reader.End();
        if (spec.Arguments.Length == 0 || spec.TimeoutMilliseconds <= 0 || spec.UsageIntervalMilliseconds <= 0)
        {
            throw new ProtocolException("A launch needs a program, a time limit and an interval.");
        }

        if (spec.Links.Length % 2 != 0)
        {
            throw new ProtocolException("A link has no target.");
        }

        if (spec.ReadonlyInodes.Length != spec.ReadonlyPaths.Length)
        {
            throw new ProtocolException("A launch needs one inode for each read-only path.");
        }

        return spec;
    }
}
