using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>The ignore rules of a repository in one state of its files.</summary>
/// <param name="load">The content of the file of patterns in a folder below the repository; null where there is none.</param>
/// <param name="others">Files of patterns for the whole repository, the one that counts first first.</param>
/// <param name="ignoresCase">Whether names in either case are the same.</param>
/// <param name="effort">What may still go into comparing.</param>
internal sealed class IgnoreRules(Func<string, byte[]?> load, IReadOnlyList<IgnoreFile> others, bool ignoresCase, MatchEffort effort)
{
    private readonly Dictionary<string, Folder> _folders = new(StringComparer.Ordinal);

    /// <summary>Whether a file or link of that path below the repository is ignored; also where that cannot be told any more.</summary>
    public bool IsIgnored(string path)
    {
        int slash = path.LastIndexOf('/');
        Folder folder = Find(slash < 0 ? "" : path[..slash]);
        return folder.IsIgnored || Judge(folder, path, isFolder: false) || effort.IsSpent;
    }

    private Folder Find(string path)
    {
        if (_folders.TryGetValue(path, out Folder? known))
        {
            return known;
        }

        Folder? above = path.Length == 0 ? null : Find(path.LastIndexOf('/') is var slash and >= 0 ? path[..slash] : "");
        Folder folder =
            above is not null && (above.IsIgnored || Judge(above, path, isFolder: true))
                ? new Folder(above, 0, null, IsIgnored: true)
                : new Folder(
                    above,
                    path.Length == 0 ? 0 : Encoding.UTF8.GetByteCount(path) + 1,
                    load(path) is { } content ? IgnoreFile.Parse(content) : null,
                    IsIgnored: false
                );
        _folders.Add(path, folder);
        return folder;
    }

    // The nearest file of patterns that says anything decides.
    private bool Judge(Folder folder, string path, bool isFolder)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        IgnoreSubject subject = new(bytes, bytes.AsSpan().LastIndexOf((byte)'/') + 1, isFolder);
        for (Folder? at = folder; at is not null; at = at.Above)
        {
            if (at.File?.Judge(in subject, at.PathStart, ignoresCase, effort) is { } isIgnored)
            {
                return isIgnored;
            }
        }

        foreach (IgnoreFile file in others)
        {
            if (file.Judge(in subject, 0, ignoresCase, effort) is { } isIgnored)
            {
                return isIgnored;
            }
        }

        return false;
    }

    private sealed record Folder(Folder? Above, int PathStart, IgnoreFile? File, bool IsIgnored);
}
