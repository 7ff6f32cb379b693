using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Execution;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Hosts.Azure;

/// <summary>The log of a step of Azure Pipelines: groups, progress, issues, a summary of the run and output variables.</summary>
internal sealed class AzureLog(AzureHost host, HostLogContext context) : IHostLog
{
    private readonly CommandWriter _log = context.Log;
    private bool _isOpen;

    public void Mask(ImmutableArray<string> secrets)
    {
        // A secret of several lines is refused, and its lines are what a log would show.
        foreach (
            string line in secrets
                .SelectMany(secret => secret.Split('\n'))
                .Select(line => line.TrimEnd('\r'))
                .Where(line => line.Length > 0)
        )
        {
            _log.Line(AzureCommand.Of("task.setsecret", line));
        }
    }

    public void Begin(Phase phase)
    {
        if (context.ShowsGroups)
        {
            _log.Line(AzureCommand.Of("task.setprogress", phase.Title, ("value", phase.Percent.ToString(CultureInfo.InvariantCulture))));
            _log.Line($"##[group]{phase.Title}");
            _isOpen = true;
        }
    }

    public void End()
    {
        if (_isOpen)
        {
            _log.Line("##[endgroup]");
            _isOpen = false;
        }
    }

    public void Report(RunOutcome outcome)
    {
        End();
        foreach (Annotation annotation in Annotations.Of(outcome))
        {
            _log.Line(
                AzureCommand.Of(
                    "task.logissue",
                    annotation.Text,
                    ("type", annotation.IsError ? "error" : "warning"),
                    ("sourcepath", annotation.Place?.File),
                    ("linenumber", Number(annotation.Place?.Line)),
                    ("columnnumber", Number(annotation.Place?.Column)),
                    ("code", annotation.Code)
                )
            );
        }

        if (outcome.Report is { } report && WriteSummary(report) is { } summary)
        {
            _log.Line(AzureCommand.Of("task.uploadsummary", summary));
        }

        foreach (
            (string name, string value) in RunOutputs.Of(outcome.Result, context.AuditLog, path => outcome.HostPaths?.Find(path) ?? path)
        )
        {
            _log.Line(AzureCommand.Of("task.setvariable", value, ("variable", VariableName(name)), ("isoutput", "true")));
        }

        _log.Line(AzureCommand.Of("task.setprogress", outcome.Result.Verdict.Name(), ("value", "100")));
    }

    private string? WriteSummary(RunReport report)
    {
        if (host.TemporaryFolder(context.Environment) is not { } folder)
        {
            return report.Result.Reports?.Summary;
        }

        (string? file, string? problem) = AzureHost.WriteSummary(report, folder);
        if (problem is not null)
        {
            _log.Line(AzureCommand.Of("task.logissue", problem, ("type", "warning")));
        }

        return file;
    }

    // A variable's name becomes a name in the environment, where a dash cannot be asked for.
    private static string VariableName(string output) =>
        string.Concat(output.Split('-').Select((word, index) => index == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    private static string? Number(int? value) => value is > 0 and { } number ? number.ToString(CultureInfo.InvariantCulture) : null;
}
