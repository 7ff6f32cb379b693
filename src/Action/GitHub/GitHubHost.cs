using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using IsolatedAgents.Action.Hosts;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.GitHub;

/// <summary>GitHub Actions: groups, fences around what the agent may have chosen, annotations, step summary and outputs.</summary>
/// <param name="log">The step's log.</param>
/// <param name="environment">The runner's variables.</param>
/// <param name="auditLog">Absolute path of the audit log; null where there is none.</param>
/// <param name="showsGroups">Whether the log may hold anything but events.</param>
internal sealed class GitHubHost(CommandWriter log, FrozenDictionary<string, string> environment, string? auditLog, bool showsGroups) : IBuildHost
{
    private readonly GitHubFiles _files = new(environment);
    private string? _fence;

    public void Mask(ImmutableArray<string> secrets)
    {
        foreach (string secret in secrets)
        {
            log.Line(GitHubCommand.Of("add-mask", secret));
        }
    }

    public void Begin(Phase phase)
    {
        if (!showsGroups)
        {
            return;
        }

        log.Line(GitHubCommand.Of("group", phase.Title));

        // New for each fence, and never seen by an agent: whoever knows it may end the fence.
        _fence = RandomNumberGenerator.GetHexString(32, lowercase: true);
        log.Line(GitHubCommand.Of("stop-commands", _fence));
    }

    public void End()
    {
        if (_fence is not null)
        {
            log.Line(GitHubCommand.Of(_fence, ""));
            log.Line(GitHubCommand.Of("endgroup", ""));
            _fence = null;
        }
    }

    public void Report(AgentRunResult result)
    {
        End();
        foreach (Annotation annotation in Annotations.Of(result))
        {
            log.Line(GitHubCommand.Of(
                annotation.IsError ? "error" : "warning",
                annotation.Code.Length > 0 ? $"{annotation.Code}: {annotation.Text}" : annotation.Text,
                ("file", annotation.Place?.File),
                ("line", Number(annotation.Place?.Line)),
                ("col", Number(annotation.Place?.Column)),
                ("title", annotation.Title)));
        }

        if (result.Report is { } report && environment.GetValueOrDefault(StepSummary.Variable) is { Length: > 0 } file && StepSummary.Append(file, SummaryMarkdown.Render(report)) is { } problem)
        {
            log.Line(GitHubCommand.Of("notice", problem, ("title", "Isolated agent")));
        }

        GitHubPaths paths = new(environment, result.HostPaths);
        foreach ((string name, string value) in RunOutputs.Of(result, auditLog, paths.Name))
        {
            _files.SetOutput(name, value);
        }
    }

    private static string? Number(int? value) => value is > 0 and { } number ? number.ToString(CultureInfo.InvariantCulture) : null;
}
