using System.Collections.Concurrent;

namespace IsolatedAgents.Workspaces;

/// <summary>
/// Links of copied folders that lead out of them. Engines refuse an archive that holds one; the supervisor makes it in the sandbox, where
/// it leads nowhere, as the link that it is.
/// </summary>
internal sealed class OutwardLinks
{
    private readonly ConcurrentDictionary<string, string> _targets = new(StringComparer.Ordinal);

    /// <summary>The sandbox path of each, followed by what it leads to.</summary>
    public string[] All =>
        [.. _targets.OrderBy(link => link.Key, StringComparer.Ordinal).SelectMany(link => new[] { link.Key, link.Value })];

    /// <summary>Begins a copy anew.</summary>
    public void Clear(string volume)
    {
        foreach (string path in _targets.Keys.Where(path => path.StartsWith(volume + "/", StringComparison.Ordinal)))
        {
            _targets.TryRemove(path, out _);
        }
    }

    /// <summary>Takes a link that leads out. False where it does not, and an archive can hold it.</summary>
    /// <param name="volume">Sandbox path of the copied folder.</param>
    /// <param name="name">Path of the link below it.</param>
    /// <param name="target">What it holds.</param>
    public bool TryTake(string volume, string name, string target)
    {
        // As engines look at it: an absolute target counts from the link's folder on.
        int depth = name.Count(letter => letter == '/');
        foreach (string step in target.Split('/'))
        {
            depth += step switch
            {
                "" or "." => 0,
                ".." => -1,
                _ => 1,
            };
            if (depth < 0)
            {
                _targets[$"{volume}/{name}"] = target;
                return true;
            }
        }

        return false;
    }
}
