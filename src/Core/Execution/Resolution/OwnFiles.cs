using System.Collections.Immutable;
using IsolatedAgents.Agents;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>
/// The files that a run itself is made of, where they lie in the workspace: an agent that could change its policy, its own program or the
/// project that declares it would have its next run as it likes.
/// </summary>
internal static class OwnFiles
{
    /// <summary>Records what an agent is known to do, wherever it lies.</summary>
    public const string LockFile = "agent.lock";

    /// <summary>Globs for <see cref="Protocol.PathGlobs"/>, from the workspace on.</summary>
    public static ImmutableArray<string> Find(AgentRunRequest request, LoadedPolicy loaded, AgentPlan agent, string? workspace)
    {
        if (workspace is null || loaded.Policy.Filesystem.Workspace != WorkspaceAccess.Write)
        {
            return [];
        }

        IEnumerable<string?> own = [loaded.File, request.PolicyFile, agent.Mount?.HostPath, request.Agent, EntryFile(agent)];
        // A user who names a project file, and no pattern, has thought of it.
        IEnumerable<string> declaring = request
            .ProtectedFiles.SelectMany(file => Below(workspace, Path.GetFullPath(file, request.BaseDirectory)))
            .Where(path => !loaded.Policy.Filesystem.AllowedCodePaths.Contains(path, StringComparer.Ordinal));
        return
        [
            LockFile,
            .. own.OfType<string>()
                .Where(path => path.Length > 0)
                .SelectMany(path => Below(workspace, Path.GetFullPath(path, request.BaseDirectory)))
                .Concat(declaring)
                .Distinct(StringComparer.Ordinal)
                .Select(path => "/" + path),
        ];
    }

    // A folder that is the whole workspace is not protected as such.
    private static string? EntryFile(AgentPlan agent) =>
        agent.Mount is { SandboxPath: SandboxPaths.Agent } mount
            ? agent
                .Command.Where(word => word.StartsWith(SandboxPaths.Agent + "/", StringComparison.Ordinal))
                .Select(word => Path.Combine(mount.HostPath, word[(SandboxPaths.Agent.Length + 1)..]))
                .FirstOrDefault()
            : null;

    // By the name that was given, and by what that leads to.
    private static IEnumerable<string> Below(string workspace, string path)
    {
        string prefix = workspace + Path.DirectorySeparatorChar;
        return new[]
        {
            path,
            LinkResolver.Resolve(path),
            Path.GetDirectoryName(path) is { } folder && LinkResolver.Resolve(folder) is { } real
                ? Path.Combine(real, Path.GetFileName(path))
                : null,
        }
            .OfType<string>()
            .Where(found => found.StartsWith(prefix, StringComparison.Ordinal))
            .Select(found => Path.TrimEndingDirectorySeparator(found[prefix.Length..]).Replace(Path.DirectorySeparatorChar, '/'))
            .Where(found => found.Length > 0)
            .Distinct(StringComparer.Ordinal);
    }
}
