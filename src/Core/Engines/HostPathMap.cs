using System.Collections.Immutable;

namespace IsolatedAgents.Engines;

/// <summary>A folder of this process and what it is on the engine's machine.</summary>
/// <param name="Path">Absolute path as this process knows it.</param>
/// <param name="HostPath">Absolute path as the engine knows it; null where the engine has no such folder.</param>
internal sealed record PathMapping(string Path, string? HostPath);

/// <summary>
/// The container that this process itself runs in: what it starts becomes a sibling, whose mounts are named by the paths of the engine's
/// machine.
/// </summary>
/// <param name="Id">Its id or host name, by which the engine is asked for its mounts.</param>
/// <param name="Assumed">What holds where the engine does not know that container.</param>
/// <param name="TemporaryFolders">Where folders may be that the sandbox must see, best first.</param>
internal sealed record OwnContainer(string Id, ImmutableArray<PathMapping> Assumed, ImmutableArray<string> TemporaryFolders);

/// <summary>
/// How the engine names this process's files. A wrong name shows no agent anything: every mount is compared with what was checked, from
/// inside and before the agent starts.
/// </summary>
internal sealed class HostPathMap
{
    private readonly ImmutableArray<PathMapping> _mappings;

    private HostPathMap(ImmutableArray<PathMapping> mappings) => _mappings = mappings;

    /// <summary>This process and the engine use the same names.</summary>
    public static HostPathMap Same { get; } = new([]);

    /// <summary>Whether names may differ.</summary>
    public bool IsSame => _mappings.IsEmpty;

    /// <summary>A map of the given folders; none of them means that names are the same.</summary>
    public static HostPathMap Of(IEnumerable<PathMapping> mappings) =>
        new([
            .. mappings
                .Select(mapping => mapping with { Path = Path.TrimEndingDirectorySeparator(mapping.Path) })
                .OrderByDescending(mapping => mapping.Path.Length),
        ]);

    /// <summary>Asks the engine for the mounts of this process's own container.</summary>
    /// <exception cref="EngineException">The engine is lost.</exception>
    public static async Task<HostPathMap> ResolveAsync(
        IContainerEngine engine,
        OwnContainer? container,
        CancellationToken cancellationToken
    )
    {
        if (container is null)
        {
            return Same;
        }

        return Of(await engine.FindMountsAsync(container.Id, cancellationToken).ConfigureAwait(false) ?? container.Assumed);
    }

    /// <summary>The engine's name of <paramref name="path"/>; null where it has none.</summary>
    public string? Find(string path)
    {
        if (IsSame)
        {
            return path;
        }

        foreach (PathMapping mapping in _mappings)
        {
            if (path == mapping.Path || path.StartsWith(mapping.Path + "/", StringComparison.Ordinal))
            {
                return mapping.HostPath is { } host ? Path.TrimEndingDirectorySeparator(host) + path[mapping.Path.Length..] : null;
            }
        }

        return null;
    }

    /// <summary>The first of the folders that both this process and the engine have; null where there is none.</summary>
    public string? FindShared(ImmutableArray<string> folders) =>
        IsSame ? null : folders.FirstOrDefault(folder => Find(folder) is not null && Directory.Exists(folder));
}
