using System.Collections.Immutable;
using IsolatedAgents.Agents;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Execution;

/// <summary>Makes the reports of a run that has ended.</summary>
internal sealed class RunReporting(
    AgentRunRequest request,
    ResolvedRun run,
    DateTimeOffset started,
    ReportCollector collector,
    SecretMasker masker
)
{
    // Before the agent runs: it may be in a workspace that it can write.
    private readonly string _agentSha256 = HashOf(run.Agent);

    /// <summary>The outcome with its report, and with the report's files where a folder was asked for.</summary>
    /// <param name="result">Complete, and without secrets.</param>
    public RunOutcome Complete(AgentRunResult result)
    {
        RunReport report = Create(result);
        // Without a session record the folder could not be written, which has been told.
        if (run.ReportDirectory is not { } folder || result.ReportFile is null)
        {
            return new RunOutcome(result) { Report = report };
        }

        (ReportFiles files, ImmutableArray<string> problems) = ReportWriter.Write(report, folder, result.ReportFile, run.AttestationKey);
        result = result with
        {
            Reports = files,
            Diagnostics =
            [
                .. result.Diagnostics,
                .. problems.Select(problem => new Diagnostic(DiagnosticTable.TelemetrySuppressed, DiagnosticSeverity.Warning, problem)),
            ],
        };
        return new RunOutcome(result) { Report = report with { Result = result } };
    }

    private RunReport Create(AgentRunResult result) =>
        new()
        {
            Result = result,
            Masker = masker,
            Started = started,
            Agent = masker.Mask(run.Agent.Name),
            Command = [.. run.Agent.Command.Select(word => masker.Mask(word))],
            AgentSha256 = _agentSha256,
            PolicyFile = run.Loaded.File,
            PolicySha256 = run.Loaded.Sha256,
            IsStrict = run.Policy.Strict,
            Policy = run.Policy,
            Image = run.Policy.BaseImage,
            ImageDigest = collector.ImageDigest,
            Packages = collector.Packages,
            Engine = collector.Engine,
            Findings = new FindingList(request, run.Loaded).Create(result.Diagnostics, collector.Violations),
            OmittedViolations = collector.OmittedViolations,
            Timeline = collector.Timeline,
            OmittedTimeline = collector.OmittedTimeline,
            Usage = collector.Usage,
            Peak = collector.Peak,
        };

    // A file that cannot be read is the run's to tell, where it matters.
    private static string HashOf(AgentPlan agent)
    {
        try
        {
            return AgentHash.Compute(agent);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
