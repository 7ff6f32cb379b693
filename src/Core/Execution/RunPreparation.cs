using System.Collections.Immutable;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Policies;
using IsolatedAgents.Reports;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution;

/// <summary>Finds out whether anything has to run for a request, and with what. Reads the policy once.</summary>
internal sealed class RunPreparation
{
    private readonly AgentRunRequest _request;
    private readonly SteadyClock _clock = new(TimeProvider.System);
    private readonly EngineMemory _memory;
    private readonly string _sessionId;

    private RunPreparation(AgentRunRequest request, EngineMemory memory)
    {
        _request = request;
        _memory = memory;
        _sessionId = request.SessionId ?? Guid.CreateVersion7().ToString("N");
    }

    /// <summary>Prepares the run that a request asks for. What is wrong with the request is the outcome of that run.</summary>
    /// <param name="request">The run.</param>
    /// <param name="memory">What earlier runs have found out about engines.</param>
    /// <param name="cancellationToken">Ends the preparation.</param>
    public static Task<PreparedRun> PrepareAsync(AgentRunRequest request, EngineMemory memory, CancellationToken cancellationToken) =>
        new RunPreparation(request, memory).PrepareAsync(cancellationToken);

    private async Task<PreparedRun> PrepareAsync(CancellationToken cancellationToken)
    {
        RunStamp? stamp = null;
        try
        {
            stamp = RunStamp.Create(_request);
            if (await UnchangedRun.FindAsync(_request, stamp, _sessionId, cancellationToken).ConfigureAwait(false) is { } unchanged)
            {
                return Settled(unchanged with { Duration = _clock.Elapsed });
            }

            // Before anything can go wrong: what fails, or is broken off, leaves no record of a pass.
            stamp?.Clear();
        }
        catch (ConfigurationException)
        {
            // The agent is not there. Resolution reports it, after what it finds wrong with the policy.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string message = $"An input or the record of the step cannot be read or replaced: {failure.Message}";
            return Refused(new Diagnostic(DiagnosticTable.Parameters, DiagnosticSeverity.Error, message), null);
        }

        return Resolve(stamp);
    }

    private PreparedRun Resolve(RunStamp? stamp)
    {
        LoadedPolicy? loaded = null;
        try
        {
            loaded = RunResolver.LoadPolicy(_request);
            ResolvedRun run = RunResolver.Resolve(_request, loaded, _sessionId) with { EngineMemory = _memory };
            return new PreparedRun(TelemetrySettings.Of(loaded.Policy), SecretsOf(loaded.Policy), (loggers, token) =>
                new AgentRun(loggers, _request, run, _clock) { Stamp = stamp }.RunAsync(token)
            );
        }
        catch (ConfigurationException failure)
        {
            return Refused(failure.Diagnostic, loaded?.Policy);
        }
    }

    private ImmutableArray<string> SecretsOf(Policy policy) =>
        [
            .. policy
                .SensitiveEnvVars.Select(name => _request.HostEnvironment.GetValueOrDefault(name) ?? "")
                .Where(value => value.Length > 0),
        ];

    private PreparedRun Refused(Diagnostic diagnostic, Policy? policy) =>
        Settled(
            new AgentRunResult
            {
                Verdict = Verdict.ConfigurationError,
                SessionId = _sessionId,
                Duration = _clock.Elapsed,
                Diagnostics = [diagnostic],
            },
            policy
        );

    private PreparedRun Settled(AgentRunResult result, Policy? policy = null)
    {
        RunReport report = new()
        {
            Result = result,
            Started = _clock.Start,
            Agent = _request.Agent ?? _request.Command ?? "",
            PolicyFile = _request.PolicyFile,
            Findings = new FindingList(_request, null).Create(result.Diagnostics, []),
        };
        return new PreparedRun(
            policy is null ? TelemetrySettings.Default : TelemetrySettings.Of(policy),
            policy is null ? [] : SecretsOf(policy),
            (_, _) => Task.FromResult(new RunOutcome(result) { Report = report })
        );
    }
}
