namespace IsolatedAgents.Engines;

/// <summary>Name, version and address of an engine.</summary>
/// <param name="Name"><c>Docker</c> or <c>Podman</c>.</param>
/// <param name="Version">Its version.</param>
/// <param name="Address">Where it was reached.</param>
internal sealed record EngineDescription(string Name, string Version, Uri Address)
{
    public const string DockerName = "Docker";
    public const string PodmanName = "Podman";

    /// <summary>Whether it is Podman, whose API differs in small things.</summary>
    public bool IsPodman => Name == PodmanName;
}

/// <summary>A program that an engine is made of.</summary>
internal sealed record EnginePart(string Name, string Version);

/// <summary>The programs that an engine consists of, and the machine it runs on.</summary>
/// <param name="Architecture">Its processor, as it names it: <c>amd64</c>.</param>
/// <param name="Parts">Its programs, itself among them.</param>
internal sealed record EngineParts(string Architecture, IReadOnlyList<EnginePart> Parts);

/// <summary>An image that is there.</summary>
/// <param name="Reference">As it was asked for.</param>
/// <param name="Id">The engine's id, which pins what is run.</param>
/// <param name="Digest">The registry's digest, or the id where the image came from no registry.</param>
/// <param name="Environment">The variables that it sets, as <c>NAME=value</c>.</param>
internal sealed record ImageDescription(string Reference, string Id, string Digest, IReadOnlyList<string> Environment)
{
    /// <summary>
    /// The user that it says its programs run as, by name or number, with a group behind a colon; empty where it says none.
    /// </summary>
    public string User { get; init; } = "";
}

/// <summary>All an engine has to be able to do; the rest of the sandbox runs over the transport.</summary>
internal interface IContainerEngine : IDisposable
{
    /// <summary>Name, version and address.</summary>
    EngineDescription Description { get; }

    /// <summary>The image where it is there; null where it is not.</summary>
    Task<ImageDescription?> FindImageAsync(string reference, CancellationToken cancellationToken);

    /// <summary>Has the engine fetch an image.</summary>
    /// <exception cref="EngineException">IA2002: it cannot be had.</exception>
    Task<ImageDescription> PullImageAsync(string reference, IProgress<string> progress, CancellationToken cancellationToken);

    /// <summary>Creates and starts the sandbox's container, and waits for the stream to its supervisor.</summary>
    /// <param name="spec">All of its settings.</param>
    /// <param name="socket">
    /// The listener that the supervisor connects to; null for the attached streams, which are there before it starts, so that no byte is
    /// lost.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SandboxUnreachableException">
    /// The engine does not see this machine's files, or the supervisor not the socket; nothing is left behind.
    /// </exception>
    /// <exception cref="EngineException">It could not; nothing is left behind.</exception>
    Task<ISandboxContainer> StartAsync(SandboxSpec spec, ITransportListener? socket, CancellationToken cancellationToken);

    /// <summary>The mounts of a running container; null where the engine does not have it.</summary>
    /// <exception cref="EngineException">IA2003: the engine does not say.</exception>
    Task<IReadOnlyList<PathMapping>?> FindMountsAsync(string containerId, CancellationToken cancellationToken);

    /// <summary>Describes the programs it consists of. The engine may have to start programs to know.</summary>
    /// <exception cref="EngineException">IA2003: it does not say.</exception>
    Task<EngineParts> DescribePartsAsync(CancellationToken cancellationToken);

    /// <summary>Every container that carries a label.</summary>
    /// <exception cref="EngineException">IA2003: the engine does not say.</exception>
    Task<IReadOnlyList<FoundContainer>> FindContainersAsync(string label, CancellationToken cancellationToken);

    /// <summary>When a container's program ended; null where the container is gone, or its program runs.</summary>
    /// <exception cref="EngineException">IA2003: the engine does not say.</exception>
    Task<DateTimeOffset?> FindEndAsync(string id, CancellationToken cancellationToken);

    /// <summary>Removes a container by force, with the volumes that are its alone. Why it could not; null where it is gone.</summary>
    Task<string?> RemoveContainerAsync(string id, CancellationToken cancellationToken);
}

/// <summary>A container of ours, in whatever state.</summary>
/// <param name="Id">The engine's id.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Labels">What it carries.</param>
internal sealed record FoundContainer(string Id, DateTimeOffset Created, IReadOnlyDictionary<string, string> Labels)
{
    /// <summary>Its state.</summary>
    public ContainerState State { get; init; }
}

/// <summary>The state of a container, as far as clean-up depends on it.</summary>
internal enum ContainerState
{
    /// <summary>It was made and never started, or its state is none that is known.</summary>
    Idle,

    /// <summary>Its program runs.</summary>
    Running,

    /// <summary>Its program has ended.</summary>
    Ended,

    /// <summary>The engine is removing it.</summary>
    Removing,
}

/// <summary>A started sandbox. The engine removes it by itself when its supervisor ends.</summary>
internal interface ISandboxContainer : IAsyncDisposable
{
    /// <summary>The engine's id.</summary>
    string Id { get; }

    /// <summary>The stream to the supervisor.</summary>
    ISandboxTransport Transport { get; }

    /// <summary>
    /// Removes the container by force, which takes seconds at the most. Why it could not; null where it is gone or going. Never throws.
    /// </summary>
    Task<string?> RemoveAsync();

    /// <summary>
    /// Completes, with the reason, when the engine has gone away in the middle of a run and has not come back. One that is restarted and
    /// keeps its containers is not lost.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller no longer wants to know.</exception>
    Task<string> WhenLostAsync(CancellationToken cancellationToken);
}
