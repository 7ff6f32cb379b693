using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using IsolatedAgents.Execution;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>
/// The log of a step of GitHub Actions: groups, fences around what the agent may have chosen, annotations, step summary and outputs.
/// </summary>
internal sealed class GitHubLog(HostLogContext context) : IHostLog
{
    private readonly CommandWriter _log = context.Log;
    private readonly GitHubFiles _files = new(context.Environment);
    private string? _fence;

    public void Mask(ImmutableArray<string> secrets)
    {
        foreach (string secret in secrets)
        {
            _log.Line(GitHubCommand.Of("add-mask", secret));
        }
    }

    public void Begin(Phase phase)
    {
        if (!context.ShowsGroups)
        {
            return;
        }

        _log.Line(GitHubCommand.Of("group", phase.Title));

        // New for each fence, and never seen by an agent: whoever knows it may end the fence.
        _fence = RandomNumberGenerator.GetHexString(32, lowercase: true);
        _log.Line(GitHubCommand.Of("stop-commands", _fence));
    }

    public void End()
    {
        if (_fence is not null)
        {
            _log.Line(GitHubCommand.Of(_fence, ""));
            _log.Line(GitHubCommand.Of("endgroup", ""));
            _fence = null;
        }
    }

    public void Report(RunOutcome outcome)
    {
        End();
        foreach (Annotation annotation in Annotations.Of(outcome))
        {
            _log.Line(
                GitHubCommand.Of(
                    annotation.IsError ? "error" : "warning",
                    annotation.Code.Length > 0 ? $"{annotation.Code}: {annotation.Text}" : annotation.Text,
                    ("file", annotation.Place?.File),
                    ("line", Number(annotation.Place?.Line)),
                    ("col", Number(annotation.Place?.Column)),
                    ("title", annotation.Title)
                )
            );
        }

        if (outcome.Report is { } report && StepSummary.Append(context.Environment, report) is { } problem)
        {
            _log.Line(GitHubCommand.Of("notice", problem, ("title", "Isolated agent")));
        }

        GitHubPaths paths = new(context.Environment, outcome.HostPaths);
        foreach ((string name, string value) in RunOutputs.Of(outcome.Result, context.AuditLog, paths.Name))
        {
            _files.SetOutput(name, value);
        }
    }

    private static string? Number(int? value) => value is > 0 and { } number ? number.ToString(CultureInfo.InvariantCulture) : null;
}
