using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.UpToDate;

/// <summary>Asks for the record of a passing run, as packaging does. Needs neither the engine nor the host's variables.</summary>
internal static class RunRecord
{
    /// <summary>The outcome of the run that is on record, or IA8003.</summary>
    /// <exception cref="ConfigurationException">There is none, or the agent is not there.</exception>
    public static AgentRunResult Find(AgentRunRequest request)
    {
        RunStamp? stamp = RunStamp.Create(request);
        if (stamp?.FindUnchanged() is { } content)
        {
            return new AgentRunResult
            {
                Verdict = Verdict.Passed,
                Skipped = true,
                Artifacts = stamp.ArtifactsOf(content),
                Diagnostics = content.Warnings,
            };
        }

        string agent = request.Agent ?? request.Command ?? "";
        string reason =
            stamp?.Exists == true
                ? "its inputs, agent, arguments, policy or artifacts have changed since its last passing run"
                : "no passing run of it is on record";
        throw new ConfigurationException(
            DiagnosticTable.NoRecord,
            $"The project cannot be packaged: agent '{agent}' has to pass first, and {reason}. "
                + "Build the project with this configuration, and package what that leaves."
        );
    }
}
