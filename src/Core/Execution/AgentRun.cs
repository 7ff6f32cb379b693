using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using IsolatedAgents.Agents;
using IsolatedAgents.Audit;
using IsolatedAgents.Changes;
using IsolatedAgents.CleanUp;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Reports;
using IsolatedAgents.Repositories;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;
using IsolatedAgents.Text.Masking;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Execution;

/// <summary>
/// One resolved run, from its first event to its result. The one place where trouble with the machinery becomes a verdict.
/// </summary>
internal sealed class AgentRun(ILoggerFactory loggerFactory, AgentRunRequest request, ResolvedRun run, SteadyClock clock)
{
    // Where a run was cancelled: less than a build host waits before it kills.
    private static readonly TimeSpan SinkPatience = TimeSpan.FromSeconds(3);

    // As long as a run before this one may take, and what it needs around its agent.
    private TimeSpan AuditPatience => TimeSpan.FromSeconds(run.Policy.TimeoutSeconds) + TimeSpan.FromSeconds(10);

    private readonly OutcomeTracker _outcome = new(run.Policy);
    private readonly ExpectedViolations _expected = new(run.Policy.ExpectedViolations);
    private readonly ReportCollector _collector = new();

    private HostPathMap? _paths;
    private string? _imageId;

    /// <summary>The record that a passing run writes for later builds; null when none is kept.</summary>
    public RunStamp? Stamp { get; init; }

    public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
    {
        SecretMasker masker = new(run.Secrets);
        RunReporting reporting = new(request, run, clock.Start, _collector, masker);
        AgentRunResult result;
        try
        {
            result = await RunRecordedAsync(masker, cancellationToken).ConfigureAwait(false);
        }
        catch (ConfigurationException failure)
        {
            result = Result(Verdict.ConfigurationError, [failure.Diagnostic]);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // While it waited for its turn in the audit log.
            result = Cancelled();
        }

        result = result with
        {
            Duration = clock.Elapsed,
            Diagnostics = [.. result.Diagnostics.Select(diagnostic => diagnostic with { Message = masker.Mask(diagnostic.Message) })],
            Violations = [.. result.Violations.Select(violation => violation with { Subject = masker.Mask(violation.Subject) })],
        };
        return reporting.Complete(Remember(result)) with { HostPaths = _paths };
    }

    // Last of all, since an audit log that cannot be sealed takes the pass back.
    private AgentRunResult Remember(AgentRunResult result)
    {
        if (result.Verdict == Verdict.Passed)
        {
            try
            {
                Stamp?.Write(request, run.Policy, _imageId ?? "", result);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                string message = $"The record of the passed run could not be written: {failure.Message}";
                return result with
                {
                    Verdict = Verdict.EngineError,
                    Diagnostics = [new Diagnostic(DiagnosticTable.EngineLost, DiagnosticSeverity.Error, message), .. result.Diagnostics],
                };
            }
        }

        return result;
    }

    private async Task<AgentRunResult> RunRecordedAsync(SecretMasker masker, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using EngineSearch search = await EngineSearch
            .BeginAsync(new EngineLocator(request.HostEnvironment), run.Engine, run.Policy.BaseImage, stop.Token)
            .ConfigureAwait(false);
        using SessionRecord? record = SessionRecord.Create(run.ReportDirectory, request.Owner);
        using AuditLog? audit = run.AuditLog is { } path
            ? AuditLog.Open(path, CreateAuditHeader(masker, search.Image), stop.Cancel, AuditPatience, stop.Token)
            : null;
        ITelemetrySink?[] sinks =
        [
            run.Policy.TelemetryEnabled ? new LoggerSink(loggerFactory.CreateLogger(LoggerSink.Category)) : null,
            record,
            audit,
            _collector,
        ];
        EventStream stream = new(run.SessionId, masker, clock, [.. sinks.OfType<ITelemetrySink>()]);
        await using ConfiguredAsyncDisposable streamScope = stream.ConfigureAwait(false);
        using CancellationTokenRegistration limit = stop.Token.Register(() => stream.LimitWaiting(SinkPatience));
        AgentRunResult result = await RunAsync(search, new RunEvents(stream, _outcome, _expected, masker), stop.Token)
            .ConfigureAwait(false);
        await stream.CompleteAsync().ConfigureAwait(false);
        if (stream.IsStalled)
        {
            record?.Abandon();
            audit?.Abandon("A disk or a reader stood still, and events of the run are missing.");
        }

        result = result with
        {
            Diagnostics =
            [
                .. result.Diagnostics,
                .. run.Warnings,
                .. stream.LostSinks.Select(lost => new Diagnostic(
                    DiagnosticTable.TelemetrySuppressed,
                    DiagnosticSeverity.Warning,
                    $"Events of this run are missing where they were to be written. {lost}"
                )),
            ],
        };
        audit?.Seal(clock.Now, result.Verdict.Name());
        if (audit?.Failure is { } failure)
        {
            Diagnostic lost = new(
                DiagnosticTable.IsolationUnavailable,
                DiagnosticSeverity.Error,
                $"The audit log '{audit.Path}' could not be written: {failure} The run was ended, since nothing may happen that it does not hold."
            );
            result = result with { Verdict = Verdict.EngineError, Diagnostics = [lost] };
        }

        return result with
        {
            ReportFile = stream.IsStalled ? null : record?.Path,
            AuditHead = audit?.Head,
        };
    }

    private AuditHeader CreateAuditHeader(SecretMasker masker, ImageDescription? image) =>
        new()
        {
            Timestamp = clock.Now,
            SessionId = run.SessionId,
            PolicySha256 = run.Loaded.Sha256,
            PolicyFile = run.Loaded.File,
            AgentName = masker.Mask(run.Agent.Name),
            AgentSha256 = AgentHash.Compute(run.Agent),
            Image = run.Policy.BaseImage,
            ImageDigest = image?.Digest,
            HostName = Environment.MachineName,
            OperatingSystem = RuntimeInformation.OSDescription,
            ProcessId = Environment.ProcessId,
        };

    private async Task<AgentRunResult> RunAsync(EngineSearch search, RunEvents events, CancellationToken cancellationToken)
    {
        AgentRunResult result;
        try
        {
            result = await ExecuteAsync(search, events, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = Cancelled();
        }
        catch (ConfigurationException failure)
        {
            // Another gate has filled the output folder while this one ran.
            result = Result(Verdict.ConfigurationError, [failure.Diagnostic, .. _outcome.Warnings]);
        }
        catch (EngineException failure)
        {
            result = EngineError(failure.Code, failure.Message);
        }
        catch (ProtocolException failure)
        {
            result = EngineError(DiagnosticTable.EngineLost, $"The sandbox said what it must not: {failure.Message}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What the sandbox left, or the stamp, could not be put in place: no part of it is there, and the run has not passed.
            result = EngineError(
                DiagnosticTable.EngineLost,
                $"A file of this run could not be written: {failure.Message} Nothing partial was left."
            );
        }

        await RaiseEndAsync(events, result).ConfigureAwait(false);
        return result;
    }

    private async Task<AgentRunResult> ExecuteAsync(EngineSearch search, RunEvents events, CancellationToken cancellationToken)
    {
        IContainerEngine engine = search.RequireEngine();
        await events
            .RaiseAsync(
                new SessionInitializing(
                    $"{engine.Description.Name} {engine.Description.Version}",
                    "Local Filesystem",
                    run.AuditLog is null ? "Off" : "File"
                )
            )
            .ConfigureAwait(false);
        _paths = await HostPathMap.ResolveAsync(engine, request.OwnContainer, cancellationToken).ConfigureAwait(false);
        await events.RaiseAsync(PolicyDescription.Describe(run.Policy)).ConfigureAwait(false);
        await RecoverWorkspacesAsync(events).ConfigureAwait(false);
        search.ThrowIfFailed();
        ImageDescription image = search.Image ?? await PullImageAsync(engine, events, cancellationToken).ConfigureAwait(false);
        _imageId = image.Id;
        SandboxReport report = await RunSandboxAsync(engine, image, _paths, events, cancellationToken).ConfigureAwait(false);
        using WorkspaceChangeSet? changes = report.Changes;
        WarnOfUnmetExpectations();
        if (_outcome.UsesGit && run.Workspace is { } workspace && RepositoryAdvice.For(workspace) is { } advice)
        {
            _outcome.Warn(DiagnosticTable.Parameters, advice);
        }

        AgentRunResult end =
            report.EngineLoss is { } loss ? EngineError(DiagnosticTable.EngineLost, loss)
            : cancellationToken.IsCancellationRequested ? Cancelled()
            : Result(_outcome.Verdict, _outcome.Diagnostics());
        if (
            run is { Workspace: not null, Policy.Filesystem.Workspace: WorkspaceAccess.Write }
            && await new WorkspaceConclusion(run, events).DecideAsync(changes, end.Verdict).ConfigureAwait(false) is { } problem
        )
        {
            end = EngineError(DiagnosticTable.EngineLost, problem);
        }

        return end with
        {
            Changes = changes?.Results ?? [],
            AgentExitCode = report.ExitCode,
            AgentSignal = report.Signal,
            Artifacts = report.Artifacts,
        };
    }

    // Before anything looks at the workspace: an agent is not given half of what another one did.
    private async Task RecoverWorkspacesAsync(RunEvents events)
    {
        foreach (RecoveredWorkspace recovered in ChangeRecovery.Run(onlyLook: false))
        {
            if (recovered.Problem is null)
            {
                await events
                    .RaiseAsync(
                        new WorkspaceChanged(recovered.Workspace, "Restored", null, "The changes of a run that was killed are taken back")
                    )
                    .ConfigureAwait(false);
            }
            else if (recovered.Workspace == run.Workspace)
            {
                throw new IOException(
                    $"A run that was killed has put a part of its changes into '{recovered.Workspace}', and they cannot be taken back: {recovered.Problem}"
                );
            }
        }
    }

    private async Task<SandboxReport> RunSandboxAsync(
        IContainerEngine engine,
        ImageDescription image,
        HostPathMap paths,
        RunEvents events,
        CancellationToken cancellationToken
    )
    {
        using StartSweep sweep = StartSweep.Begin(engine, run.EngineMemory);
        try
        {
            return await new SandboxRun(run, engine, image, paths, events).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (Leftover leftover in await sweep.EndAsync().ConfigureAwait(false))
            {
                string shortId = ContainerId.Short(leftover.Id);
                await events
                    .RaiseAsync(ContainerRemoving.Outcome(shortId, "was left by a run that died and is removed now", leftover.Problem))
                    .ConfigureAwait(false);
            }
        }
    }

    private async Task<ImageDescription> PullImageAsync(IContainerEngine engine, RunEvents events, CancellationToken cancellationToken)
    {
        string reference = run.Policy.BaseImage;
        await events.RaiseAsync(new ContainerProvisioning(reference, null, null, null, "Pulling")).ConfigureAwait(false);
        InOrderProgress progress = new(status => events.RaiseAsync(new ContainerProvisioning(reference, null, null, null, status)));
        ImageDescription pulled = await engine.PullImageAsync(reference, progress, cancellationToken).ConfigureAwait(false);
        await progress.CompleteAsync().ConfigureAwait(false);
        return pulled;
    }

    private void WarnOfUnmetExpectations()
    {
        foreach (ExpectedViolation unmet in _expected.Unmet)
        {
            _outcome.Warn(
                DiagnosticTable.Policy,
                $"The expected violation '{unmet.Match}' ({unmet.Reason}) did not happen. Remove it from expected_violations, or correct its match."
            );
        }
    }

    private async Task RaiseEndAsync(RunEvents events, AgentRunResult result)
    {
        if (result.Verdict == Verdict.Passed)
        {
            await events
                .RaiseAsync(
                    new SessionCompleted(
                        clock.Elapsed,
                        result.ExitCode,
                        result.Artifacts.Length,
                        result.Artifacts.Sum(artifact => artifact.Size)
                    )
                )
                .ConfigureAwait(false);
            return;
        }

        string reason = result.Diagnostics.FirstOrDefault(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error) is { } cause
            ? $"{cause.Code}: {cause.Message}"
            : result.Verdict.Name();
        await events.RaiseAsync(new SessionFailed(reason, clock.Elapsed, result.ExitCode)).ConfigureAwait(false);
    }

    private AgentRunResult Cancelled() =>
        Trouble(
            Verdict.Cancelled,
            DiagnosticTable.Cancelled,
            _outcome.IsContainerLeft
                ? "The run was cancelled, and its container is still there."
                : "The run was cancelled; every process of the agent has ended."
        );

    private AgentRunResult EngineError(string code, string message) => Trouble(Verdict.EngineError, code, message);

    private AgentRunResult Trouble(Verdict verdict, string code, string message) =>
        Result(verdict, [new Diagnostic(code, DiagnosticSeverity.Error, message), .. _outcome.Warnings]);

    private AgentRunResult Result(Verdict verdict, ImmutableArray<Diagnostic> diagnostics) =>
        new()
        {
            Verdict = verdict,
            SessionId = run.SessionId,
            Diagnostics = diagnostics,
            Violations = _outcome.Violations,
        };
}
