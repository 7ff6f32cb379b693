using System.Collections.Frozen;
using IsolatedAgents.Engines;
using IsolatedAgents.Reports;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>GitHub Actions, on GitHub's machines or others.</summary>
internal sealed class GitHubHost : BuildHost
{
    public override string Name => "github";

    public override string TemporaryFolderVariable => "RUNNER_TEMP";

    public override bool IsPresent(FrozenDictionary<string, string> environment) => IsTrue(environment, "GITHUB_ACTIONS");

    public override IHostLog Open(HostLogContext context) => new GitHubLog(context);

    public override void GiveSummary(RunReport report, FrozenDictionary<string, string> environment, Action<string> log)
    {
        if (StepSummary.Append(environment, report) is { } problem)
        {
            log(problem);
        }
    }

    // RUNNER_WORKSPACE stays a path of the runner's machine, and the repository's folder and the temporary one have their places around it.
    public override IEnumerable<PathMapping> AssumedMappings(FrozenDictionary<string, string> environment)
    {
        if (environment.GetValueOrDefault("RUNNER_WORKSPACE") is not { Length: > 0 } parent)
        {
            yield break;
        }

        if (
            environment.GetValueOrDefault("GITHUB_WORKSPACE") is { Length: > 0 } workspace
            && environment.GetValueOrDefault("GITHUB_REPOSITORY")?.Split('/') is [_, { Length: > 0 } repository]
        )
        {
            yield return new PathMapping(workspace, $"{parent}/{repository}");
        }

        if (
            environment.GetValueOrDefault(TemporaryFolderVariable) is { Length: > 0 } temporary
            && Path.GetDirectoryName(parent) is { } work
        )
        {
            yield return new PathMapping(temporary, $"{work}/_temp");
        }
    }
}
