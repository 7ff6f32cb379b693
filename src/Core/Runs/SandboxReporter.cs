using System.Collections.Immutable;
using IsolatedAgents.Changes;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Events;
using IsolatedAgents.Outputs;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Telemetry;
using UsageFigures = IsolatedAgents.Protocol.ResourceUsage;

namespace IsolatedAgents.Runs;

/// <summary>What a sandbox left behind.</summary>
/// <param name="ExitCode">The agent's own; null where a signal or we ended it.</param>
/// <param name="Signal">Null where none ended it.</param>
/// <param name="Artifacts">Collected files.</param>
internal sealed record SandboxReport(int? ExitCode, int? Signal, ImmutableArray<Artifact> Artifacts)
{
    /// <summary>What it changed in its copy of the workspace; null where it had none to change, or where that is not known. The owner disposes of it.</summary>
    public WorkspaceChangeSet? Changes { get; init; }

    /// <summary>Why the engine counts as lost, so that the agent was ended; null where it does not.</summary>
    public string? EngineLoss { get; init; }
}

/// <summary>Turns the supervisor's frames into events, and its files into artifacts.</summary>
internal sealed class SandboxReporter : IDisposable
{
    private const double NearLimit = 0.9;
    private static readonly TimeSpan StuckPatience = TimeSpan.FromSeconds(1);
    private const int KillSignal = 9;

    // One or two late ones are a busy machine, and no gap.
    private const int LeastGap = 3;

    // Any program is busy for a moment; what is shorter than this is no reason to warn.
    private const long MinimumCpuNanoseconds = 500_000_000;

    // How shells report a child that SIGKILL ended.
    private const int KilledChildExitCode = 128 + KillSignal;

    private readonly ResolvedRun _run;
    private readonly SandboxLimits _limits;
    private readonly RunEvents _events;
    private readonly ActivityReporter _activities;
    private readonly EgressSession? _egress;
    private readonly SandboxDeadline _deadline;
    private readonly AgentLines _standardOutput;
    private readonly AgentLines _standardError;
    private readonly OutputCollector? _collector;
    private readonly WorkspaceReporter? _workspace;
    private UsageFigures? _previous;
    private AgentExit? _exit;
    private OutputsFound? _found;
    private long _lastUsage;
    private int _folded;
    private bool _isCpuHigh;
    private bool _isMemoryHigh;
    private bool _isTimeoutNear;
    private volatile bool _isTaking;
    private long _lostUsage;

    public SandboxReporter(ResolvedRun run, SandboxLimits limits, RunEvents events, ActivityReporter activities, EgressSession? egress, WorkspaceOriginal? original, SandboxDeadline deadline)
    {
        _egress = egress;
        _deadline = deadline;
        _workspace = original is null ? null : new WorkspaceReporter(run.Policy, original, events, deadline);
        _run = run;
        _limits = limits;
        _events = events;
        _activities = activities;
        _standardOutput = new AgentLines(OutputStream.Standard, events);
        _standardError = new AgentLines(OutputStream.Error, events);
        _collector = run.Output is null ? null : new OutputCollector(run.Output, run.SessionId, run.Policy.MaxOutputBytes, run.Policy.MaxOutputFiles);
    }

    /// <summary>Whether a frame is being taken.</summary>
    public bool IsTaking => _isTaking;

    private Policy Policy => _run.Policy;

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
            case FrameType.WorkspaceFound or FrameType.WorkspaceDeleted when _workspace is not null:
            case FrameType.OutputRejected or FrameType.OutputFile or FrameType.OutputData or FrameType.OutputDescriptor when _workspace is { IsBegun: true }:
                await _workspace.TakeAsync(frame).ConfigureAwait(false);
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
                await ReportUsageAsync(UsageFigures.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.Exited:
                await ReportExitAsync(AgentExit.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputsFound:
                await ReportFoundAsync(OutputsFound.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputRejected:
                await RejectAsync(OutputRejection.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputFile:
                await TakeFileAsync(OutputFile.FromPayload(frame.Payload)).ConfigureAwait(false);
                break;
            case FrameType.OutputData when _collector is not null:
                _collector.Write(frame.Payload);
                break;
            case FrameType.OutputDescriptor when _collector is not null:
                await _collector.CopyAsync(frame.Descriptor!, _deadline.Extend, _deadline.Expired).ConfigureAwait(false);
                break;
            default:
                throw new ProtocolException($"A {frame.Type} frame came out of turn.");
        }
    }

    /// <summary>Puts the outputs in place once every frame was taken.</summary>
    public async Task<SandboxReport> CompleteAsync()
    {
        AgentExit exit = _exit ?? throw new ProtocolException("The sandbox ended without saying how the agent did.");
        ImmutableArray<Artifact> artifacts = [];
        // A run that was broken off before it left anything takes away nothing that was there.
        bool isBrokenOff = exit.Cause is EndCause.Stop or EndCause.Terminated;
        if (_collector is not null && _found is { Exceeded: false } found && !(isBrokenOff && found.Files == 0))
        {
            artifacts = _collector.Commit();
            foreach (Artifact artifact in artifacts)
            {
                await _events.RaiseAsync(new OutputCollected(artifact.Name, artifact.Size, "Copied to host")).ConfigureAwait(false);
            }
        }

        WorkspaceChangeSet? changes = _workspace is null ? null : await _workspace.CompleteAsync().ConfigureAwait(false);
        bool isByItself = exit.Cause == EndCause.None;
        return new SandboxReport(isByItself && exit.Signal == 0 ? exit.ExitCode : null, exit.Signal == 0 ? null : exit.Signal, artifacts)
        {
            Changes = changes,
            EngineLoss = exit.Cause == EndCause.Terminated ? "The engine ended the sandbox while the agent ran: it was shut down, or somebody stopped the container." : null,
        };
    }

    /// <summary>Drops what was not put in place. Where a disk stands still under a frame that was not waited for, it does so once that goes on, and is not waited for either.</summary>
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
        _collector?.Dispose();
        _workspace?.Dispose();
    }

    private EngineException Explain(SetupFailure failure) => failure.Kind switch
    {
        SetupFailureKind.Agent => new EngineException(
            DiagnosticTable.Image,
            $"The program '{UntrustedText.Display(failure.Subject)}' cannot be started in the image '{_run.Policy.BaseImage}': {failure.Detail}. Use an image that has it (base_image), or another agent."),
        SetupFailureKind.Probe => new EngineException(
            DiagnosticTable.CanaryFailed,
            $"The probe '{failure.Subject}' failed: {failure.Detail}. The agent was not started."),
        _ => new EngineException(
            DiagnosticTable.IsolationUnavailable,
            $"The control '{failure.Subject}' is not in force: {failure.Detail}. The agent was not started."),
    };

    private ValueTask ReportProbesAsync(ProbeResults probes) =>
        _events.RaiseAsync(new SandboxVerified([.. probes.Names.Zip(probes.Results, (name, result) => new LabeledValue(name, result))], probes.Names.Contains(ProbeResults.MissingLandlock)));

    private async ValueTask ReportUsageAsync(UsageFigures usage)
    {
        if (_previous is null)
        {
            // The first figures are the start of the count, and not the agent's.
            _previous = usage;
            return;
        }

        // Figures that piled up while this process was suspended come at once: the last of them says it all.
        if (TimeProvider.System.GetElapsedTime(_lastUsage) < TimeSpan.FromSeconds(Policy.ResourceMonitorInterval) / 2 && !IsNearTimeout(usage))
        {
            _folded++;
            return;
        }

        if (_folded >= LeastGap)
        {
            await _events.RaiseAsync(new TelemetrySuppressed(EventCatalog.ResourceUsage.Name, _folded, "They came late and all at once: this process was suspended, or the machine overloaded")).ConfigureAwait(false);
        }

        _folded = 0;
        _lastUsage = TimeProvider.System.GetTimestamp();
        await RaiseUsageAsync(usage).ConfigureAwait(false);
        TimeSpan limit = TimeSpan.FromSeconds(Policy.TimeoutSeconds);
        TimeSpan elapsed = TimeSpan.FromTicks(usage.ElapsedNanoseconds / TimeSpan.NanosecondsPerTick);
        if (!_isTimeoutNear && elapsed >= limit * NearLimit)
        {
            _isTimeoutNear = true;
            TimeSpan remaining = elapsed < limit ? limit - elapsed : TimeSpan.Zero;
            await _events.RaiseAsync(new TimeoutApproaching(elapsed, limit, remaining)).ConfigureAwait(false);
        }
    }

    private bool IsNearTimeout(UsageFigures usage) =>
        !_isTimeoutNear && usage.ElapsedNanoseconds >= Policy.TimeoutSeconds * NearLimit * 1_000_000_000;

    private async ValueTask RaiseUsageAsync(UsageFigures usage)
    {
        if (usage.MemoryBytes < 0)
        {
            LoseUsage();
            return;
        }

        UsageFigures previous = _previous ?? new UsageFigures();
        _previous = usage;
        long elapsed = usage.ElapsedNanoseconds - previous.ElapsedNanoseconds;
        double cores = _limits.CpuMillicores / 1000.0;
        double cpu = elapsed > 0 ? Math.Clamp(100.0 * (usage.CpuNanoseconds - previous.CpuNanoseconds) / elapsed / cores, 0, 100) : 0;
        double memory = 100.0 * usage.MemoryBytes / _limits.MemoryBytes;
        await _events.RaiseAsync(new Events.ResourceUsage(cpu, usage.MemoryBytes, _limits.MemoryBytes, _egress?.BytesSent ?? 0, _egress?.BytesReceived ?? 0, usage.OutputBytes, Policy.MaxOutputBytes)).ConfigureAwait(false);
        // Told when a threshold is crossed, and again only after it was left.
        bool isCpuHigh = cpu >= Policy.CpuThresholdPercent && elapsed >= MinimumCpuNanoseconds;
        if (isCpuHigh && !_isCpuHigh)
        {
            await _events.RaiseAsync(new ResourceCpuHigh(cpu, Policy.CpuThresholdPercent, "Monitoring")).ConfigureAwait(false);
        }

        if (memory >= Policy.MemoryThresholdPercent && !_isMemoryHigh)
        {
            await _events.RaiseAsync(new ResourceMemoryHigh(memory, Policy.MemoryThresholdPercent, "Monitoring")).ConfigureAwait(false);
        }

        _isCpuHigh = isCpuHigh;
        _isMemoryHigh = memory >= Policy.MemoryThresholdPercent;
    }

    // The control group was there, or nothing would have started. Its limits hold all the same, and nobody sees any more whether they were reached.
    private void LoseUsage()
    {
        _lostUsage++;
        if (Policy.Isolation.Require.HasFlag(IsolationControls.Cgroup))
        {
            throw new EngineException(
                DiagnosticTable.IsolationUnavailable,
                "The sandbox's control group can no longer be read, so that nobody sees whether the agent reached its limits, and the policy requires it (isolation.require: cgroup). The agent was ended.");
        }
    }

    private async ValueTask ReportExitAsync(AgentExit exit)
    {
        _exit = exit;
        await _standardOutput.EndAsync().ConfigureAwait(false);
        await _standardError.EndAsync().ConfigureAwait(false);
        // The processes are gone, and with them what they held: the most they had is what is left to tell.
        await RaiseUsageAsync(exit.Usage with { MemoryBytes = Math.Max(exit.Usage.MemoryBytes, Math.Min(exit.Usage.MemoryPeakBytes, _limits.MemoryBytes)) }).ConfigureAwait(false);
        long dropped = exit.StandardOutputBytes + exit.StandardErrorBytes - Policy.MaxLogBytes;
        if (dropped > 0)
        {
            await _events.RaiseAsync(new TelemetrySuppressed("agent.output", dropped, "Bytes of agent output past max_log_bytes")).ConfigureAwait(false);
        }

        if (_lostUsage > 0)
        {
            await _events.RaiseAsync(new TelemetrySuppressed(EventCatalog.ResourceUsage.Name, _lostUsage, "The sandbox's control group could no longer be read: whether memory or processes ran out is not known. Its limits hold all the same")).ConfigureAwait(false);
        }

        await ReportLimitsAsync(exit).ConfigureAwait(false);
        TimeSpan duration = TimeSpan.FromTicks(exit.Usage.ElapsedNanoseconds / TimeSpan.NanosecondsPerTick);
        if (exit is { Cause: EndCause.None, Signal: 0, ExitCode: 0 })
        {
            await _events.RaiseAsync(new AgentCompleted(0, duration, "Success")).ConfigureAwait(false);
        }
        else if (exit.Cause == EndCause.None && !IsOutOfMemory(exit))
        {
            await _events.RaiseAsync(new AgentFailed(
                exit.Signal == 0 ? exit.ExitCode : null,
                exit.Signal == 0 ? null : SignalNames.Name(exit.Signal),
                duration,
                "Failed")).ConfigureAwait(false);
        }
    }

    private async ValueTask ReportLimitsAsync(AgentExit exit)
    {
        TimeSpan elapsed = TimeSpan.FromTicks(exit.Usage.ElapsedNanoseconds / TimeSpan.NanosecondsPerTick);
        if (exit.Cause == EndCause.Timeout)
        {
            await _events.RaiseAsync(new TimeoutExceeded(elapsed, TimeSpan.FromSeconds(Policy.TimeoutSeconds), "Agent terminated")).ConfigureAwait(false);
        }

        if (IsOutOfMemory(exit))
        {
            await _events.RaiseAsync(new ResourceOutOfMemory(exit.Usage.MemoryPeakBytes, _limits.MemoryBytes, "Agent terminated")).ConfigureAwait(false);
        }
        else if (exit.Usage.OutOfMemoryKills > 0)
        {
            await _events.RaiseAsync(new ResourceMemoryHigh(
                100.0 * exit.Usage.MemoryPeakBytes / _limits.MemoryBytes,
                Policy.MemoryThresholdPercent,
                $"The kernel ended {exit.Usage.OutOfMemoryKills} of the agent's processes")).ConfigureAwait(false);
        }

        if (exit.Usage.PidsDenied > 0)
        {
            await _events.RaiseAsync(new ResourcePidsExhausted(Policy.PidsLimit, "New processes refused")).ConfigureAwait(false);
        }
    }

    // The agent itself, or the last child of a shell that passes the kill on. A child alone is told and does not decide.
    private static bool IsOutOfMemory(AgentExit exit) =>
        exit.Cause == EndCause.None
        && exit.Usage.OutOfMemoryKills > 0
        && (exit.Signal == KillSignal || exit.ExitCode == KilledChildExitCode);

    private async ValueTask ReportFoundAsync(OutputsFound found)
    {
        _found = found;
        if (_collector is not null || found.Files > 0)
        {
            await _events.RaiseAsync(new OutputCollecting(SandboxPaths.Output, found.Files)).ConfigureAwait(false);
        }

        if (found.Exceeded)
        {
            await _events.RaiseAsync(new OutputLimitExceeded(found.Bytes, Policy.MaxOutputBytes, "Collection aborted")).ConfigureAwait(false);
        }
        else if (found.Bytes > 0 && found.Bytes >= Policy.MaxOutputBytes * NearLimit)
        {
            await _events.RaiseAsync(new OutputLimitApproaching(found.Bytes, Policy.MaxOutputBytes, Policy.MaxOutputBytes - found.Bytes)).ConfigureAwait(false);
        }
    }

    private async ValueTask TakeFileAsync(OutputFile file)
    {
        if (_collector is null)
        {
            throw new ProtocolException("An output file came that was not asked for.");
        }

        if (_collector.Begin(file) is { } refusal)
        {
            await RaiseRejectionAsync(file.Path, refusal).ConfigureAwait(false);
        }
    }

    private ValueTask RejectAsync(OutputRejection rejection) => RaiseRejectionAsync(rejection.Path, Explain(rejection.Reason));

    /// <summary>Why an entry is not taken.</summary>
    internal static string Explain(RejectionReason reason) => reason switch
    {
        RejectionReason.SymbolicLink => "Symbolic links are not followed",
        RejectionReason.SpecialFile => "Not a regular file",
        RejectionReason.TooDeep => "Folders are nested too deep",
        _ => "It cannot be read",
    };

    private ValueTask RaiseRejectionAsync(byte[] path, string reason)
    {
        string name = OutputName.Decode(path, isWindows: false).Name;
        bool isExpected = _events.Expected.Matches(ViolationKind.Output, name);
        return _events.RaiseAsync(new ViolationOutput(name, reason, "Not collected", "output", isExpected));
    }
}
