using System.Collections.Frozen;
using System.Text;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace IsolatedAgents.Tasks;

/// <summary>
/// Gives a run's summary to the host that the build runs on. Errors and warnings are not given a second time: a host takes them from the build's own lines.
/// </summary>
internal static class BuildHostSummary
{
    /// <summary>Gives it, where the host takes one. What fails is told and fails nothing.</summary>
    public static void Give(TaskLoggingHelper log, FrozenDictionary<string, string> host, AgentRunResult result)
    {
        if (result.Report is not { } report)
        {
            return;
        }

        if (host.GetValueOrDefault(StepSummary.Variable) is { Length: > 0 } file)
        {
            if (StepSummary.Append(file, SummaryMarkdown.Render(report)) is { } problem)
            {
                log.LogMessage(MessageImportance.High, "{0}", problem);
            }
        }
        else if (host.GetValueOrDefault("TF_BUILD") is { Length: > 0 } && host.GetValueOrDefault("AGENT_TEMPDIRECTORY") is { Length: > 0 } folder)
        {
            GiveToAzure(log, report, folder);
        }
    }

    // The agent finds the command in the build's line. The attachment is named after the file, so that runs have one each.
    private static void GiveToAzure(TaskLoggingHelper log, RunReport report, string folder)
    {
        string file = Path.Combine(folder, $"isolated-agents-{report.Result.SessionId}.md");
        try
        {
            File.WriteAllText(file, SummaryMarkdown.Render(report).TrimStart('\n'), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            log.LogMessage(MessageImportance.High, "{0}", AzureCommand.Of("task.uploadsummary", file));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            log.LogMessage(MessageImportance.High, "{0}", $"The summary '{file}' could not be written: {failure.Message}");
        }
    }
}
