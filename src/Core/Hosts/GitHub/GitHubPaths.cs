using System.Collections.Frozen;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>
/// Names files so that a later step can open them, whether or not it runs in a container: below the workspace relative to it, elsewhere as
/// the runner's machine knows them.
/// </summary>
/// <param name="environment">The runner's variables.</param>
/// <param name="hostPaths">How the runner's machine names this process's files; null where that is not known.</param>
internal sealed class GitHubPaths(FrozenDictionary<string, string> environment, HostPathMap? hostPaths)
{
    /// <summary>The name of an absolute path.</summary>
    public string Name(string path)
    {
        string? workspace = environment.GetValueOrDefault("GITHUB_WORKSPACE");
        return
            !string.IsNullOrEmpty(workspace)
            && path.StartsWith(Path.TrimEndingDirectorySeparator(workspace) + "/", StringComparison.Ordinal)
            ? Path.GetRelativePath(workspace, path)
            : hostPaths?.Find(path) ?? path;
    }
}
