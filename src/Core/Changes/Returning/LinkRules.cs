using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes.Returning;

/// <summary>
/// Which links that the agent has made come back: those that lead, in the workspace as it will be, to a file or folder of it which itself
/// would come back, and by no other link.
/// </summary>
internal sealed class LinkRules
{
    private readonly WorkspaceOriginal _original;
    private readonly ReturnSelection _selection;
    private readonly TrackedFiles _tracked;
    private readonly PathGlobs _protected;
    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _links = new(StringComparer.Ordinal);
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);
    private readonly HashSet<string> _gone;

    /// <param name="original">The workspace as it was.</param>
    /// <param name="selection">What is taken of the changes.</param>
    /// <param name="tracked">Its repositories.</param>
    /// <param name="policy">With the run's own files among the protected ones.</param>
    /// <param name="changes">The changes of files, judged.</param>
    public LinkRules(
        WorkspaceOriginal original,
        ReturnSelection selection,
        TrackedFiles tracked,
        FilesystemPolicy policy,
        IReadOnlyCollection<PendingChange> changes
    )
    {
        _original = original;
        _selection = selection;
        _tracked = tracked;
        _protected = new PathGlobs(policy.ProtectedPaths, isLoose: true);
        PendingChange[] returning = [.. changes.Where(change => !change.IsHeldBack)];
        _gone = [.. returning.Where(change => change.IsDeletion).Select(change => change.Path)];
        foreach (string path in original.Names.Where(path => !_gone.Contains(path)))
        {
            (original.Find(path) is { Kind: OriginalKind.File } ? _files : _links).Add(path);
        }

        _files.UnionWith(returning.Where(change => !change.IsDeletion).Select(change => change.Path));
        _links.UnionWith(selection.Links.Select(link => link.Path));
        foreach (string folder in _files.SelectMany(WorkspaceOriginal.Above))
        {
            _folders.Add(folder);
        }
    }

    /// <summary>Whether a link leads into what version control keeps of itself, which is told as a violation.</summary>
    public bool LeadsIntoVersionControl(ListedEntry link) =>
        link.Target is { } target && Lexically(link.Path, target) is { } end && _selection.IsVersionControl(end);

    /// <summary>The link as a change; null where it stays in the copy.</summary>
    public PendingChange? Judge(ListedEntry link)
    {
        OriginalEntry? before = _original.Find(link.Path);
        if (link.Target is not { } target || !IsPlace(link.Path, before) || Follow(link.Path, target) is not { } end || !IsAim(end))
        {
            return null;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(target);
        WorkspaceFileState after = new(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)), IsExecutable: false)
        {
            LinkTarget = target,
        };
        WorkspaceChangeKind kind = before is null ? WorkspaceChangeKind.Created : WorkspaceChangeKind.Changed;
        return new PendingChange(
            new WorkspaceChange
            {
                Path = link.Path,
                Kind = kind,
                Before = before?.State,
                After = after,
            },
            Content: null
        )
        {
            LinkEnd = end,
        };
    }

    // In no folder's place, nor where a build would make one, nor in that of something that is no file.
    // Nor where its name alone does something.
    private bool IsPlace(string path, OriginalEntry? before) =>
        BeneathOpener.IsSupported
        && before is null or { Kind: OriginalKind.File }
        && !BuildFolders.IsOutput(path[(path.LastIndexOf('/') + 1)..])
        && !_original.HasFolder(path)
        && !_folders.Contains(path)
        && !Directory.Exists(Path.Combine(_original.FullPath, path))
        && WorkspaceOriginal.Above(path).All(above => !_files.Contains(above) && !_links.Contains(above))
        && !CodeFiles.Contain(path, _ => true)
        && !CodeFiles.LeadsTo(path)
        && !IsGitFile(path);

    // git reads no patterns or attributes through a link.
    private static bool IsGitFile(string path) =>
        path[(path.LastIndexOf('/') + 1)..].StartsWith(".git", StringComparison.OrdinalIgnoreCase);

    private bool IsAim(string end)
    {
        bool isFolder = _folders.Contains(end);
        if (!isFolder && !_files.Contains(end))
        {
            return false;
        }

        return !_links.Contains(end)
            && !_selection.IsVersionControl(end)
            && !_selection.IsIgnored(end, isFolder)
            && !_protected.Covers(end)
            && !_protected.LeadsTo(end)
            && !CodeFiles.Contain(end, _ => true)
            && (!isFolder || (!_tracked.HasRepositoryBelow(end) && !_original.Below(end).Any(_selection.IsVersionControl)));
    }

    // As the kernel will: every folder on the way is there, and none of it is a link. The workspace itself is no aim.
    private string? Follow(string path, string target)
    {
        if (target[0] == '/' || target.Contains('\\', StringComparison.Ordinal))
        {
            return null;
        }

        List<string> names = [.. path.Split('/')[..^1]];
        string[] steps = target.Split('/');
        for (int i = 0; i < steps.Length; i++)
        {
            if (steps[i] is "" or ".")
            {
                continue;
            }

            if (steps[i] == "..")
            {
                if (names.Count == 0)
                {
                    return null;
                }

                names.RemoveAt(names.Count - 1);
                continue;
            }

            names.Add(steps[i]);
            string at = string.Join('/', names);
            bool isEnd = i == steps.Length - 1;
            if (_links.Contains(at) || !(_folders.Contains(at) || (isEnd && _files.Contains(at))))
            {
                return null;
            }
        }

        return names.Count == 0 ? null : string.Join('/', names);
    }

    // Whatever is there.
    private static string? Lexically(string path, string target)
    {
        List<string> names = target[0] == '/' ? [] : [.. path.Split('/')[..^1]];
        string workspace = Policies.Access.SandboxPaths.Workspace + "/";
        if (target[0] == '/' && !target.StartsWith(workspace, StringComparison.Ordinal))
        {
            return null;
        }

        foreach (string step in (target[0] == '/' ? target[workspace.Length..] : target).Split('/'))
        {
            if (step == ".." && names.Count > 0)
            {
                names.RemoveAt(names.Count - 1);
            }
            else if (step is not ("" or "." or ".."))
            {
                names.Add(step);
            }
        }

        return names.Count == 0 ? null : string.Join('/', names);
    }
}
