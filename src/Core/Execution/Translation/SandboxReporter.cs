using System.Collections.Immutable;
using IsolatedAgents.Changes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Turns the supervisor's frames into events, and its files into artifacts.</summary>
internal sealed class SandboxReporter : IDisposable
{
    private static readonly TimeSpan StuckPatience = TimeSpan.FromSeconds(1);

    private readonly ResolvedRun _run;
    private readonly RunEvents _events;
    private readonly ActivityReporter _activities;
    private readonly AgentLines _standardOutput;
    private readonly AgentLines _standardError;
    private readonly UsageReporter _usage;
    private readonly ExitReporter _exits;
    private readonly OutputReporter _outputs;
    private AgentExit? _exit;
    private volatile bool _isTaking;

    public SandboxReporter(ResolvedRun run, RunEvents events, ActivityReporter activities, EgressSession? egress, SandboxDeadline deadline)
    {
        SandboxLimits limits = SandboxLimits.From(run.Policy);
        _run = run;
        _events = events;
        _activities = activities;
        _standardOutput = new AgentLines(OutputStream.Standard, events);
        _standardError = new AgentLines(OutputStream.Error, events);
        OutputLimitWarning outputWarning = new(run.Policy.MaxOutputBytes, events);
        _usage = new UsageReporter(run.Policy, limits, events, outputWarning, egress);
        _exits = new ExitReporter(run.Policy, limits, events);
        _outputs = new OutputReporter(run, events, outputWarning, deadline);
    }

    /// <summary>Takes what the agent changed of its workspace; null where it may change nothing.</summary>
    public WorkspaceReporter? Workspace { get; init; }

    /// <summary>Whether a frame is being taken.</summary>
    public bool IsTaking => _isTaking;

    /// <summary>Takes one frame. What an agent left goes to a disk, and takes as long as that likes.</summary>
    public async ValueTask TakeAsync(SandboxFrame frame)
    {
        _isTaking = true;
        try
        {
            await TakeOneAsync(frame).ConfigureAwait(false);
        }
        finally
        {
            _isTaking = false;
        }
    }

    private async ValueTask TakeOneAsync(SandboxFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.WorkspaceFound or FrameType.WorkspaceEntries when Workspace is not null:
            case FrameType.WorkspaceRejected
            or FrameType.WorkspaceFile
            or FrameType.WorkspaceData
            or FrameType.WorkspaceDescriptor when Workspace is not null:
                await Workspace.TakeAsync(frame).ConfigureAwait(false);
                break;
            case FrameType.Hello:
                _ = Hello.FromPayload(frame.Payload);
                break;
            case FrameType.SetupFailed:
                throw Explain(SetupFailure.FromPayload(frame.Payload));
            case FrameType.Verified:
                await ReportProbesAsync(ProbeResults.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.Activity:
                foreach (Activity activity in Activity.FromPayload(frame.Payload))
                {
                    await _activities.TakeAsync(activity).ConfigureAwait(false);
                }

                break;
            case FrameType.Started:
                _ = Started.FromPayload(frame.Payload);
                await _events.RaiseAsync(new AgentStarting(string.Join(' ', _run.Agent.Command))).ConfigureAwait(false);
                break;
            case FrameType.StandardOutput:
                await _standardOutput.TakeAsync(frame.Payload).ConfigureAwait(false);
                break;
            case FrameType.StandardError:
                await _standardError.TakeAsync(frame.Payload).ConfigureAwait(false);
                break;
            case FrameType.Usage:
                await _usage.TakeAsync(Protocol.ResourceUsage.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.Exited:
                await ReportExitAsync(AgentExit.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputsFound
            or FrameType.OutputRejected
            or FrameType.OutputFile
            or FrameType.OutputData
            or FrameType.OutputDescriptor:
                await _outputs.TakeAsync(frame).ConfigureAwait(false);
                break;
            default:
                throw new ProtocolException($"A {frame.Type} frame came out of turn.");
        }
    }

    /// <summary>Puts the outputs in place once every frame was taken.</summary>
    public async Task<SandboxReport> CompleteAsync()
    {
        AgentExit exit = _exit ?? throw new ProtocolException("The sandbox ended without saying how the agent did.");
        ImmutableArray<Artifact> artifacts = await _outputs
            .CompleteAsync(isBrokenOff: exit.Cause is EndCause.Stop or EndCause.Terminated)
            .ConfigureAwait(false);
        WorkspaceChangeSet? changes = Workspace is null ? null : await Workspace.CompleteAsync().ConfigureAwait(false);
        bool isByItself = exit.Cause == EndCause.None;
        return new SandboxReport(isByItself && exit.Signal == 0 ? exit.ExitCode : null, exit.Signal == 0 ? null : exit.Signal, artifacts)
        {
            Changes = changes,
            EngineLoss =
                exit.Cause == EndCause.Terminated
                    ? "The engine ended the sandbox while the agent ran: it was shut down, or somebody stopped the container."
                    : null,
        };
    }

    /// <summary>
    /// Drops what was not put in place. Where a disk stands still under a frame that was not waited for, it does so once that goes on, and
    /// is not waited for either.
    /// </summary>
    public void Dispose()
    {
        if (_isTaking)
        {
            Task.WaitAny([Task.Run(Drop)], StuckPatience);
            return;
        }

        Drop();
    }

    private void Drop()
    {
        _outputs.Dispose();
        Workspace?.Dispose();
    }

    private EngineException Explain(SetupFailure failure) =>
        failure.Kind switch
        {
            SetupFailureKind.Agent => new EngineException(
                DiagnosticTable.Image,
                $"{FirstLine(failure.Subject)}The program '{UntrustedText.Display(failure.Subject)}' cannot be started in the image '{_run.Policy.BaseImage}': {failure.Detail}. Use an image that has it (base_image), or another agent."
            ),
            SetupFailureKind.Probe => new EngineException(
                DiagnosticTable.CanaryFailed,
                $"The probe '{failure.Subject}' failed: {failure.Detail}. The agent was not started."
            ),
            _ => new EngineException(
                DiagnosticTable.IsolationUnavailable,
                $"The control '{failure.Subject}' is not in force: {failure.Detail}. The agent was not started."
            ),
        };

    // A script names its interpreter, and whoever reads of a program that nobody asked for looks in the wrong place.
    private string FirstLine(string program) =>
        _run.Agent is { Mount: { } mount, Command: [var interpreter, .., _] }
        && interpreter == program
        && interpreter.Contains('/', StringComparison.Ordinal)
        && interpreter != mount.SandboxPath
            ? $"The first line of the agent '{UntrustedText.Display(_run.Agent.Name)}' asks for '{UntrustedText.Display(interpreter)}'. "
            : "";

    private ValueTask ReportProbesAsync(ProbeResults probes) =>
        _events.RaiseAsync(
            new SandboxVerified(
                [.. probes.Names.Zip(probes.Results, (name, result) => new LabeledValue(name, result))],
                probes.Names.Contains(ProbeResults.MissingLandlock)
            )
        );

    private async ValueTask ReportExitAsync(AgentExit exit)
    {
        _exit = exit;
        await _standardOutput.EndAsync().ConfigureAwait(false);
        await _standardError.EndAsync().ConfigureAwait(false);
        await _usage.EndAsync(exit.Usage).ConfigureAwait(false);
        long dropped = exit.StandardOutputBytes + exit.StandardErrorBytes - _run.Policy.MaxLogBytes;
        if (dropped > 0)
        {
            await _events
                .RaiseAsync(new TelemetrySuppressed("agent.output", dropped, "Bytes of agent output past max_log_bytes"))
                .ConfigureAwait(false);
        }

        await _exits.TakeAsync(exit).ConfigureAwait(false);
    }
}
