using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Telemetry;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Runs;

/// <summary>One resolved run, from its first event to its result. The one place where trouble with the machinery becomes a verdict.</summary>
internal sealed class AgentRun(ILoggerFactory loggerFactory, AgentRunRequest request, ResolvedRun run, long started)
{
    private readonly OutcomeTracker _outcome = new(run.Policy);
    private readonly ExpectedViolations _expected = new(run.Policy.ExpectedViolations);

    private TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(started);

    public async Task<AgentRunResult> RunAsync(CancellationToken cancellationToken)
    {
        SecretMasker masker = new(run.Secrets);
        SessionRecord? record = null;
        AgentRunResult result;
        try
        {
            record = SessionRecord.Create(run.ReportDirectory);
            ImmutableArray<ITelemetrySink> sinks = run.Policy.TelemetryEnabled ? [new LoggerSink(loggerFactory.CreateLogger(LoggerSink.Category))] : [];
            EventStream stream = new(run.SessionId, masker, TimeProvider.System, record is null ? sinks : sinks.Add(record));
            await using ConfiguredAsyncDisposable streamScope = stream.ConfigureAwait(false);
            RunEvents events = new(stream, _outcome, _expected, masker);
            result = await RunAsync(events, cancellationToken).ConfigureAwait(false);
            await stream.CompleteAsync().ConfigureAwait(false);
        }
        catch (ConfigurationException failure)
        {
            result = Result(Verdict.ConfigurationError, [failure.Diagnostic]);
        }
        finally
        {
            record?.Dispose();
        }

        return result with
        {
            ReportFile = record?.Path,
            Duration = Elapsed,
            Diagnostics = [.. result.Diagnostics.Select(diagnostic => diagnostic with { Message = masker.Mask(diagnostic.Message) })],
            Violations = [.. result.Violations.Select(violation => violation with { Subject = masker.Mask(violation.Subject) })],
        };
    }

    private async Task<AgentRunResult> RunAsync(RunEvents events, CancellationToken cancellationToken)
    {
        AgentRunResult result;
        try
        {
            result = await ExecuteAsync(events, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = Result(Verdict.Cancelled, [new Diagnostic(DiagnosticTable.Cancelled, DiagnosticSeverity.Error, "The run was cancelled; every process of the agent has ended.")]);
        }
        catch (EngineException failure)
        {
            result = Result(Verdict.EngineError, [new Diagnostic(failure.Code, DiagnosticSeverity.Error, failure.Message)]);
        }
        catch (ProtocolException failure)
        {
            result = Result(Verdict.EngineError, [new Diagnostic(DiagnosticTable.EngineLost, DiagnosticSeverity.Error, $"The sandbox said what it must not: {failure.Message}")]);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What the sandbox left, or the stamp, could not be put in place: no part of it is there, and the run has not passed.
            result = Result(Verdict.EngineError, [new Diagnostic(DiagnosticTable.EngineLost, DiagnosticSeverity.Error, $"A file of this run could not be written: {failure.Message} Nothing partial was left.")]);
        }

        await RaiseEndAsync(events, result).ConfigureAwait(false);
        return result;
    }

    private async Task<AgentRunResult> ExecuteAsync(RunEvents events, CancellationToken cancellationToken)
    {
        using IContainerEngine engine = await new EngineLocator(request.HostEnvironment).ConnectAsync(run.Engine, cancellationToken).ConfigureAwait(false);
        await events.RaiseAsync(new SessionInitializing($"{engine.Description.Name} {engine.Description.Version}", "Local Filesystem", "Off")).ConfigureAwait(false);
        await events.RaiseAsync(PolicyDescription.Describe(run.Policy)).ConfigureAwait(false);
        ImageDescription image = await FindImageAsync(engine, events, cancellationToken).ConfigureAwait(false);
        RunStamp? stamp = RunStamp.Create(request, run, image);
        if (stamp?.FindUnchanged() is { } unchanged)
        {
            return Result(Verdict.Passed, []) with { Skipped = true, Artifacts = unchanged, AgentExitCode = 0 };
        }

        stamp?.Clear();
        SandboxReport report = await new SandboxRun(run, engine, image, events).RunAsync(cancellationToken).ConfigureAwait(false);
        WarnOfUnmetExpectations();
        AgentRunResult result = Result(_outcome.Verdict, _outcome.Diagnostics()) with
        {
            AgentExitCode = report.ExitCode,
            AgentSignal = report.Signal,
            Artifacts = report.Artifacts,
        };
        if (result.Verdict == Verdict.Passed)
        {
            stamp?.Write(report.Artifacts);
        }

        return result;
    }

    private async Task<ImageDescription> FindImageAsync(IContainerEngine engine, RunEvents events, CancellationToken cancellationToken)
    {
        string reference = run.Policy.BaseImage;
        if (await engine.FindImageAsync(reference, cancellationToken).ConfigureAwait(false) is { } image)
        {
            return image;
        }

        await events.RaiseAsync(new ContainerProvisioning(reference, null, null, "Pulling")).ConfigureAwait(false);
        InOrderProgress progress = new(status => events.RaiseAsync(new ContainerProvisioning(reference, null, null, status)));
        ImageDescription pulled = await engine.PullImageAsync(reference, progress, cancellationToken).ConfigureAwait(false);
        await progress.CompleteAsync().ConfigureAwait(false);
        return pulled;
    }

    private void WarnOfUnmetExpectations()
    {
        foreach (ExpectedViolation unmet in _expected.Unmet)
        {
            _outcome.Warn(DiagnosticTable.Policy, $"The expected violation '{unmet.Match}' ({unmet.Reason}) did not happen. Remove it from expected_violations, or correct its match.");
        }
    }

    private async Task RaiseEndAsync(RunEvents events, AgentRunResult result)
    {
        if (result.Verdict == Verdict.Passed)
        {
            await events.RaiseAsync(new SessionCompleted(Elapsed, result.ExitCode, result.Artifacts.Length, result.Artifacts.Sum(artifact => artifact.Size))).ConfigureAwait(false);
            return;
        }

        string reason = result.Diagnostics.FirstOrDefault(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error) is { } cause ? $"{cause.Code}: {cause.Message}" : result.Verdict.Name();
        await events.RaiseAsync(new SessionFailed(reason, Elapsed, result.ExitCode)).ConfigureAwait(false);
    }

    private AgentRunResult Result(Verdict verdict, ImmutableArray<Diagnostic> diagnostics) => new()
    {
        Verdict = verdict,
        SessionId = run.SessionId,
        Diagnostics = diagnostics,
        Violations = _outcome.Violations,
    };
}
