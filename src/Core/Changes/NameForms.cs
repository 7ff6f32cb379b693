using IsolatedAgents.Protocol;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// The names of a workspace on a file system that ignores case: what differs in that alone is the same file there, and would be judged as
/// another.
/// </summary>
internal sealed class NameForms
{
    private readonly Dictionary<string, string> _spellings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _outlines = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ambiguous = new(StringComparer.Ordinal);

    public NameForms(WorkspaceOriginal original, IReadOnlyCollection<PendingChange> changes)
    {
        HashSet<string> all =
        [
            .. original.Names.Concat(changes.Select(change => change.Path)).SelectMany(path => WorkspaceOriginal.Above(path).Prepend(path)),
        ];
        foreach (string path in all)
        {
            Note(_spellings, NameFolding.Fold(path), path);
        }

        // A name that is written with marks may be that of any other with the same outline.
        HashSet<string> marked = [.. all.Where(NameFolding.HasMarks).Select(NameFolding.Outline)];
        foreach (string path in marked.Count == 0 ? [] : all.Where(path => marked.Contains(NameFolding.Outline(path))))
        {
            Note(_outlines, NameFolding.Outline(path), path);
        }
    }

    /// <summary>Whether a path, or a folder above it, has another spelling.</summary>
    public bool IsAmbiguous(string path) => WorkspaceOriginal.Above(path).Prepend(path).Any(_ambiguous.Contains);

    private void Note(Dictionary<string, string> known, string form, string path)
    {
        if (!known.TryAdd(form, path) && known[form] != path)
        {
            _ambiguous.Add(path);
            _ambiguous.Add(known[form]);
        }
    }
}
