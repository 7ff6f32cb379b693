using IsolatedAgents.Engines;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.UpToDate;

/// <summary>
/// Decides whether a run can be skipped, before anything of it is resolved: what is the same as when it passed was right then.
/// Leaves reports and audit log as the passed run left them.
/// </summary>
internal static class UnchangedRun
{
    /// <summary>The result of the passed run that stands for this one; null where the agent has to run.</summary>
    public static async Task<AgentRunResult?> FindAsync(
        AgentRunRequest request,
        RunStamp? stamp,
        string sessionId,
        CancellationToken cancellationToken
    )
    {
        string? reports = FullPath(request, request.ReportDirectory);
        string? record = reports is null ? null : Path.Combine(reports, SessionRecord.FileName);
        if (
            request.AlwaysRun
            || stamp?.FindUnchanged() is not { } content
            || content.Environment != RunFingerprint.OfEnvironment(request, content.Variables)
            // What was asked for since, or was deleted, takes a run to make.
            || (record is not null && !File.Exists(record))
            || (FullPath(request, request.AuditLog) is { } log && !File.Exists(log))
        )
        {
            return null;
        }

        (bool isOther, string? problem) = await CompareImageAsync(request, content, cancellationToken).ConfigureAwait(false);
        return isOther
            ? null
            : new AgentRunResult
            {
                Verdict = Verdict.Passed,
                SessionId = sessionId,
                Skipped = true,
                ImageNotCompared = problem,
                AgentExitCode = 0,
                Artifacts = stamp.ArtifactsOf(content),
                Diagnostics = content.Warnings,
                ReportFile = record,
                Reports = reports is null ? null : ReportWriter.FilesIn(reports),
            };
    }

    private static string? FullPath(AgentRunRequest request, string? path) =>
        path is { Length: > 0 } ? Path.GetFullPath(path, request.BaseDirectory) : null;

    // An engine on this machine is asked by a call of its own: the client of the runs takes longer to load than all else here.
    private static async Task<(bool IsOther, string? Problem)> CompareImageAsync(
        AgentRunRequest request,
        RunStampContent content,
        CancellationToken cancellationToken
    )
    {
        EngineLocator locator = new(request.HostEnvironment);
        if (LocalImage.TryFind(locator, request.Engine, content.Image, out string? found) && found == content.ImageId)
        {
            return (false, null);
        }

        using EngineSearch search = await EngineSearch
            .BeginAsync(locator, request.Engine, content.Image, cancellationToken)
            .ConfigureAwait(false);
        return search.Image is { } image
            ? (image.Id != content.ImageId, null)
            : (false, search.Problem ?? $"The engine does not have the image '{content.Image}'.");
    }
}
