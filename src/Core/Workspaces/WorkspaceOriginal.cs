using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Workspaces;

/// <summary>The kind of an entry of the workspace when it was copied.</summary>
internal enum OriginalKind
{
    /// <summary>A file, whose content the agent was given.</summary>
    File,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A pipe, socket or device, which the agent was not given.</summary>
    Special,

    /// <summary>A file or folder that the agent's user may not read, and was not given.</summary>
    Withheld,
}

/// <summary>One entry of the workspace as it was copied.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="State">The file's state; null where it is none.</param>
internal sealed record OriginalEntry(OriginalKind Kind, WorkspaceFileState? State);

/// <summary>The workspace as the agent was given it: the base that every change is a change of.</summary>
/// <param name="path">Absolute host path.</param>
/// <param name="inode">The folder's inode when it was checked; 0 where this system has none.</param>
internal sealed class WorkspaceOriginal(string path, long inode = 0)
{
    // The targets of the MSBuild package keep their records so.
    private const string StateFolder = "/isolated-agents/";
    private static readonly string[] RecordEndings = [".stamp", ".built", ".passed", ".outputs", ".folders"];

    private readonly Dictionary<string, OriginalEntry> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);

    /// <summary>Absolute host path.</summary>
    public string FullPath => path;

    /// <summary>
    /// Absolute host path of the folder that holds the record of this run's passing; null where none is kept. An agent that could write it
    /// would say itself that it has passed.
    /// </summary>
    public string? RecordFolder { get; init; }

    /// <summary>Whether that path leads to the folder that was checked.</summary>
    public bool IsInPlace => inode == 0 || FileIdentity.Inode(path) == inode;

    /// <summary>
    /// Whether a path below the workspace lies in the folder of the record, or is a record of another configuration or project.
    /// </summary>
    public bool IsRecord(string name) =>
        (
            RecordFolder is { } folder
            && System.IO.Path.Combine(path, name).StartsWith(folder.TrimEnd('/') + "/", StringComparison.OrdinalIgnoreCase)
        )
        || (
            RecordEndings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            && $"/{name}".Contains(StateFolder, StringComparison.OrdinalIgnoreCase)
        );

    /// <summary>Begins anew, as the copy does where an engine refused the first.</summary>
    public void Clear()
    {
        _entries.Clear();
        _folders.Clear();
    }

    public void Add(string name, OriginalEntry entry)
    {
        _entries[name] = entry;
        foreach (string folder in Above(name))
        {
            if (!_folders.Add(folder))
            {
                break;
            }
        }
    }

    /// <summary>Every entry but folders, in no order.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Whether a folder was there that held something.</summary>
    public bool HasFolder(string name) => _folders.Contains(name);

    /// <summary>The entry at a path when the workspace was copied; null for a folder, or when there was none.</summary>
    public OriginalEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>The entries below a folder.</summary>
    public IEnumerable<string> Below(string name) =>
        _folders.Contains(name) ? _entries.Keys.Where(entry => entry.StartsWith(name + "/", StringComparison.Ordinal)) : [];

    /// <summary>The folders above a path, the nearest first.</summary>
    public static IEnumerable<string> Above(string name)
    {
        for (int slash = name.LastIndexOf('/'); slash > 0; slash = name.LastIndexOf('/', slash - 1))
        {
            yield return name[..slash];
        }
    }
}
