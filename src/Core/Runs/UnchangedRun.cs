using IsolatedAgents.Engines;
using IsolatedAgents.Reports;

namespace IsolatedAgents.Runs;

/// <summary>Decides whether a run can be skipped. Leaves reports and audit log as the passed run left them.</summary>
internal static class UnchangedRun
{
    /// <summary>The result of the passed run that stands for this one; null where the agent has to run.</summary>
    public static async Task<AgentRunResult?> FindAsync(
        AgentRunRequest request, ResolvedRun run, RunStamp? stamp, CancellationToken cancellationToken)
    {
        if (request.AlwaysRun
            || stamp?.FindUnchanged() is not { } content
            || content.Environment != RunFingerprint.OfEnvironment(run)
            || !AreRecordsThere(run))
        {
            return null;
        }

        (bool isOther, string? problem) = await CompareImageAsync(request, run, content.ImageId, cancellationToken).ConfigureAwait(false);
        return isOther ? null : new AgentRunResult
        {
            Verdict = Verdict.Passed,
            SessionId = run.SessionId,
            Skipped = true,
            ImageNotCompared = problem,
            AgentExitCode = 0,
            Artifacts = stamp.ArtifactsOf(content),
            Diagnostics = content.Warnings,
            ReportFile = run.ReportDirectory is { } folder ? Path.Combine(folder, SessionRecord.FileName) : null,
            Reports = run.ReportDirectory is { } reports ? ReportWriter.FilesIn(reports) : null,
        };
    }

    // A record that was asked for since, or was deleted, takes a run to make.
    private static bool AreRecordsThere(ResolvedRun run) =>
        (run.ReportDirectory is null || File.Exists(Path.Combine(run.ReportDirectory, SessionRecord.FileName)))
        && (run.AuditLog is null || File.Exists(run.AuditLog));

    // An engine on this machine is asked by a call of its own: the client of the runs takes longer to load than all else here.
    private static async Task<(bool IsOther, string? Problem)> CompareImageAsync(
        AgentRunRequest request, ResolvedRun run, string imageId, CancellationToken cancellationToken)
    {
        EngineLocator locator = new(request.HostEnvironment);
        if (LocalImage.TryFind(locator, run.Engine, run.Policy.BaseImage, out string? found) && found == imageId)
        {
            return (false, null);
        }

        using EngineSearch search = await EngineSearch.BeginAsync(locator, run, cancellationToken).ConfigureAwait(false);
        return search.Image is { } image
            ? (image.Id != imageId, null)
            : (false, search.Problem ?? $"The engine does not have the image '{run.Policy.BaseImage}'.");
    }
}
