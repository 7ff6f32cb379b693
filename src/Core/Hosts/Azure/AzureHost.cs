using System.Collections.Frozen;
using System.Text;
using IsolatedAgents.Reports;

namespace IsolatedAgents.Hosts.Azure;

/// <summary>Azure Pipelines.</summary>
internal sealed class AzureHost : BuildHost
{
    public override string Name => "azure";

    public override string TemporaryFolderVariable => "AGENT_TEMPDIRECTORY";

    public override bool IsPresent(FrozenDictionary<string, string> environment) => IsTrue(environment, "TF_BUILD");

    public override IHostLog Open(HostLogContext context) => new AzureLog(this, context);

    // The agent finds the command in the build's line.
    public override void GiveSummary(RunReport report, FrozenDictionary<string, string> environment, Action<string> log)
    {
        if (TemporaryFolder(environment) is not { } folder)
        {
            return;
        }

        (string? file, string? problem) = WriteSummary(report, folder);
        log(file is null ? problem! : AzureCommand.Of("task.uploadsummary", file));
    }

    /// <summary>The agent's temporary folder; null where the variables name none that is there.</summary>
    public string? TemporaryFolder(FrozenDictionary<string, string> environment) =>
        environment.GetValueOrDefault(TemporaryFolderVariable) is { Length: > 0 } folder && Directory.Exists(folder) ? folder : null;

    /// <summary>
    /// Writes the summary that the agent attaches. It names the attachment after the file, so each run has a file of its own.
    /// </summary>
    public static (string? File, string? Problem) WriteSummary(RunReport report, string folder)
    {
        string file = Path.Combine(folder, $"isolated-agents-{report.Result.SessionId}.md");
        try
        {
            File.WriteAllText(
                file,
                SummaryMarkdown.Render(report).TrimStart('\n'),
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)
            );
            return (file, null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return (null, $"The summary '{file}' could not be written: {failure.Message}");
        }
    }
}
