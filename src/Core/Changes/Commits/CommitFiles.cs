using System.Text.RegularExpressions;
using IsolatedAgents.Changes.Returning;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes.Commits;

/// <summary>
/// The files of the agent's repository that its commits are read from: what HEAD leads to, and objects. Nothing else of it is looked at.
/// </summary>
/// <param name="workspace">Absolute host path.</param>
/// <param name="entries">What differs in the agent's copy.</param>
internal sealed partial class CommitFiles(string workspace, IReadOnlyList<ListedEntry> entries)
{
    private const string GitFolder = ".git";
    private const string RefPrefix = "ref: ";
    private const int MaxBytes = 16 * 1024 * 1024;

    /// <summary>The files of a repository that its commits need.</summary>
    public IEnumerable<ListedEntry> Needed =>
        entries.Where(entry =>
            entry is { Refusal: null, Kind: WorkspaceEntryKind.File }
            && (IsRef(entry.Path) || LooseObject().IsMatch(entry.Path) || Pack().IsMatch(entry.Path))
        );

    /// <summary>Whether the path is an object's that lies by itself.</summary>
    public static bool IsLooseObject(string path) => LooseObject().IsMatch(path);

    /// <summary>Whether the path is a pack's of objects.</summary>
    public static bool IsPack(string path) => Pack().IsMatch(path);

    /// <summary>The commit that HEAD leads to on this machine; null where none is.</summary>
    public string? Base() => Resolve(name => ReadHost(name));

    /// <summary>The commit that HEAD leads to in the agent's copy; null where none is.</summary>
    /// <param name="received">Where the content of what was asked for lies, by its path.</param>
    public string? Tip(IReadOnlyDictionary<string, string> received)
    {
        HashSet<string> gone = [.. entries.Where(entry => entry.Kind == WorkspaceEntryKind.Deleted).Select(entry => entry.Path)];
        return Resolve(name =>
            received.TryGetValue($"{GitFolder}/{name}", out string? content) ? Read(content)
            : gone.Contains($"{GitFolder}/{name}") ? null
            : ReadHost(name)
        );
    }

    private static bool IsRef(string path) =>
        path is ".git/HEAD" or ".git/packed-refs" || path.StartsWith(".git/refs/heads/", StringComparison.Ordinal);

    // gitrepository-layout(5): a reference is a file of its own, or a line of one for all.
    private static string? Resolve(Func<string, string?> read)
    {
        string? head = read("HEAD")?.Trim();
        if (head is null || !head.StartsWith(RefPrefix, StringComparison.Ordinal))
        {
            return head is not null && ObjectName().IsMatch(head) ? head : null;
        }

        string name = head[RefPrefix.Length..].Trim();
        if (!RefName().IsMatch(name) || name.Contains("..", StringComparison.Ordinal))
        {
            return null;
        }

        string? found = read(name)?.Trim()
            ?? read("packed-refs")
                ?.Split('\n')
                .Where(line => line.EndsWith(" " + name, StringComparison.Ordinal))
                .Select(line => line.Split(' ')[0])
                .FirstOrDefault();
        return found is not null && ObjectName().IsMatch(found) ? found : null;
    }

    private string? ReadHost(string name) => Read(Path.Combine(workspace, GitFolder, name));

    private static string? Read(string path)
    {
        FileInfo file = new(path);
        return file is { Exists: true, LinkTarget: null } && file.Length <= MaxBytes ? File.ReadAllText(path) : null;
    }

    [GeneratedRegex("^[0-9a-f]{40}([0-9a-f]{24})?$")]
    private static partial Regex ObjectName();

    [GeneratedRegex("^refs/heads/[A-Za-z0-9._/-]{1,200}$")]
    private static partial Regex RefName();

    [GeneratedRegex(@"^\.git/objects/[0-9a-f]{2}/([0-9a-f]{38}|[0-9a-f]{62})$")]
    private static partial Regex LooseObject();

    [GeneratedRegex(@"^\.git/objects/pack/pack-[0-9a-f]{40,64}\.pack$")]
    private static partial Regex Pack();
}
