using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IsolatedAgents.Action.Hosts;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Azure;

/// <summary>Azure Pipelines: groups, progress, issues, a summary of the run and output variables.</summary>
/// <param name="log">The step's log.</param>
/// <param name="environment">The agent's variables.</param>
/// <param name="auditLog">Absolute path of the audit log; null where there is none.</param>
/// <param name="showsGroups">Whether the log may hold anything but events.</param>
internal sealed class AzureHost(CommandWriter log, FrozenDictionary<string, string> environment, string? auditLog, bool showsGroups) : IBuildHost
{
    private bool _isOpen;

    public void Mask(ImmutableArray<string> secrets)
    {
        // A secret of several lines is refused, and its lines are what a log would show.
        foreach (string line in secrets.SelectMany(secret => secret.Split('\n')).Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0))
        {
            log.Line(AzureCommand.Of("task.setsecret", line));
        }
    }

    public void Begin(Phase phase)
    {
        if (showsGroups)
        {
            log.Line(AzureCommand.Of("task.setprogress", phase.Title, ("value", phase.Percent.ToString(CultureInfo.InvariantCulture))));
            log.Line($"##[group]{phase.Title}");
            _isOpen = true;
        }
    }

    public void End()
    {
        if (_isOpen)
        {
            log.Line("##[endgroup]");
            _isOpen = false;
        }
    }

    public void Report(AgentRunResult result)
    {
        End();
        foreach (Annotation annotation in Annotations.Of(result))
        {
            log.Line(AzureCommand.Of(
                "task.logissue",
                annotation.Text,
                ("type", annotation.IsError ? "error" : "warning"),
                ("sourcepath", annotation.Place?.File),
                ("linenumber", Number(annotation.Place?.Line)),
                ("columnnumber", Number(annotation.Place?.Column)),
                ("code", annotation.Code)));
        }

        if (result.Report is { } report && WriteSummary(report) is { } summary)
        {
            log.Line(AzureCommand.Of("task.uploadsummary", summary));
        }

        foreach ((string name, string value) in RunOutputs.Of(result, auditLog, path => result.HostPaths?.Find(path) ?? path))
        {
            log.Line(AzureCommand.Of("task.setvariable", value, ("variable", VariableName(name)), ("isoutput", "true")));
        }

        log.Line(AzureCommand.Of("task.setprogress", result.Verdict.Name(), ("value", "100")));
    }

    // The attachment is named after the file: one of another run must not take its place.
    private string? WriteSummary(RunReport report)
    {
        if (environment.GetValueOrDefault("AGENT_TEMPDIRECTORY") is not { Length: > 0 } folder || !Directory.Exists(folder))
        {
            return report.Result.Reports?.Summary;
        }

        string file = Path.Combine(folder, $"isolated-agents-{report.Result.SessionId}.md");
        try
        {
            File.WriteAllText(file, SummaryMarkdown.Render(report).TrimStart('\n'), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            return file;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.Line(AzureCommand.Of("task.logissue", $"The summary '{file}' could not be written: {failure.Message}", ("type", "warning")));
            return null;
        }
    }

    // A variable's name becomes a name in the environment, where a dash cannot be asked for.
    private static string VariableName(string output) =>
        string.Concat(output.Split('-').Select((word, index) => index == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    private static string? Number(int? value) => value is > 0 and { } number ? number.ToString(CultureInfo.InvariantCulture) : null;
}
