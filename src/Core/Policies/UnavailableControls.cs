using System.Collections.Immutable;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies;

/// <summary>A key that asks for what does not exist yet.</summary>
/// <param name="Key">In snake_case, with dots.</param>
/// <param name="Reason">What is missing and what to do, to stand behind the key; no full stop.</param>
internal sealed record UnavailableControl(string Key, string Reason)
{
    /// <summary>One line for IA1001.</summary>
    public string Message => $"'{Key}' cannot be enforced: {Reason}.";
}

/// <summary>
/// Finds settings of a policy that this version cannot enforce. A run under such a policy is refused, since a control that is silently
/// left out is worse than none.
/// </summary>
internal static class UnavailableControls
{
    private const string OwnFolder = "/.isolated-agents";
    private const string NoPackages = "this version installs no packages; put them into the image and remove the key";

    /// <summary>
    /// The keys of <paramref name="policy"/> that no run can honour, in the order of the documentation; empty where all is well.
    /// </summary>
    public static ImmutableArray<UnavailableControl> Of(Policy policy)
    {
        ImmutableArray<UnavailableControl>.Builder found = ImmutableArray.CreateBuilder<UnavailableControl>();
        AddWhere(
            policy.Filesystem.AllowedReadPaths.Any(HoldsOwnFiles),
            "filesystem.allowed_read_paths",
            "the sandbox's own files lie there; name the folders that the agent needs"
        );
        foreach (string path in policy.Filesystem.AllowedWritePaths)
        {
            string? problem = AllowedPaths.ScratchProblem(policy, path);
            AddWhere(
                problem is not null,
                "filesystem.allowed_write_paths",
                $"'{QuotedText.Of(path)}' {problem}; name a folder of its own, such as '/home/agent', or write to /output or /tmp"
            );
        }

        AddPackages(policy.PipPackages, "pip_packages", "pip_index_url", "pip_require_hashes");
        AddPackages(policy.NpmPackages, "npm_packages", "npm_registry_url");
        AddPackages(policy.NugetPackages, "nuget_packages", "nuget_source_url");
        return found.ToImmutable();

        static bool HoldsOwnFiles(string path) =>
            path == "/" || path == OwnFolder || path.StartsWith(OwnFolder + "/", StringComparison.Ordinal);

        void AddWhere(bool isAsked, string key, string reason)
        {
            if (isAsked)
            {
                found.Add(new UnavailableControl(key, reason));
            }
        }

        void AddPackages(ImmutableArray<string> packages, string key, params ReadOnlySpan<string> companions)
        {
            AddWhere(packages.Length > 0, key, NoPackages);
            foreach (string companion in companions)
            {
                AddWhere(packages.Length > 0 && policy.ExplicitKeys.Contains(companion), companion, NoPackages);
            }
        }
    }
}
