using System.Diagnostics;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.ControlGroups;
using IsolatedAgents.Supervisor.Egress;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Launching;
using IsolatedAgents.Supervisor.Outputs;
using IsolatedAgents.Supervisor.Reporting;
using IsolatedAgents.Supervisor.Workspaces;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor;

/// <summary>
/// One agent from its start to the moment no process of the sandbox is left but this one. A single thread and a single wait, which nothing
/// that the agent does can hold up: nothing here can be raced, and nothing polls but the figures, at the interval that was asked for.
/// </summary>
internal sealed unsafe class AgentSession
{
    // The kernel reports no growth of a folder, so the supervisor looks at it.
    private const long OutputWatchMilliseconds = 1000;
    private const int KillRepeatMilliseconds = 100;
    private const int AllProcesses = -1;

    // What an ended agent has said last may still be on its way through the connections' pipe.
    private const long LastBytesMilliseconds = 1000;

    private readonly HostChannel _channel;
    private readonly LaunchSpec _spec;
    private readonly ControlGroup _controlGroup;
    private readonly AgentProcess _agent;
    private readonly AgentOutput _standardOutput;
    private readonly AgentOutput _standardError;
    private readonly int _signals;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly long _timeoutNear;

    private long _nextUsage;
    private long _nextWatch = OutputWatchMilliseconds;
    private long _killAt = long.MaxValue;
    private long _reapedAt = long.MaxValue - LastBytesMilliseconds;
    private bool _isTimeoutNear;
    private bool _isOutputNear;
    private bool _isEnding;
    private bool _hasAgentEnded;
    private bool _areAllReaped;
    private bool _isReportComplete;
    private int _status;
    private EndCause _cause;

    public AgentSession(HostChannel channel, LaunchSpec spec, ControlGroup controlGroup, AgentProcess agent, int signals)
    {
        _channel = channel;
        _spec = spec;
        _controlGroup = controlGroup;
        _agent = agent;
        _signals = signals;
        AgentOutput.Budget budget = new(spec.MaxLogBytes);
        _standardOutput = new AgentOutput(agent.StandardOutput, FrameType.StandardOutput, budget);
        _standardError = new AgentOutput(agent.StandardError, FrameType.StandardError, budget);
        _nextUsage = 0;
        _timeoutNear = spec.TimeoutMilliseconds / 10 * 9;
    }

    /// <summary>The observer's report.</summary>
    public required ActivityReport Report { get; init; }

    /// <summary>Measures the agent's output folder.</summary>
    public required OutputWatch Outputs { get; init; }

    /// <summary>How often the process limit was met before the agent began.</summary>
    public required long ProcessesDeniedBefore { get; init; }

    /// <summary>The agent's connections, where their bytes go in frames.</summary>
    public FramePipe? Connections { get; init; }

    /// <summary>The agent's copy of the workspace; null where it has none to change.</summary>
    public WorkspaceCopy? Workspace { get; init; }

    private long ElapsedMilliseconds => (long)Stopwatch.GetElapsedTime(_started).TotalMilliseconds;

    // The lease runs on the clock that the channel uses, which starts elsewhere.
    private long LeaseLeft =>
        _spec.LeaseMilliseconds == 0 ? long.MaxValue : _channel.LastHeard + _spec.LeaseMilliseconds - Environment.TickCount64;

    private bool AreConnectionsDone => Connections is null or { Open: 0 } || ElapsedMilliseconds >= _reapedAt + LastBytesMilliseconds;

    private bool IsOver =>
        _areAllReaped && AreConnectionsDone && _standardOutput.IsEnded && _standardError.IsEnded && _isReportComplete && Report.IsEmpty;

    /// <summary>Runs until everything has ended. Null when the host went away, and with it the lease.</summary>
    public AgentExit? Run()
    {
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[7];
        while (!IsOver)
        {
            descriptors[0] = _channel.InputPoll;
            descriptors[1] = _channel.OutputPoll;
            descriptors[2] = new PollDescriptor { Fd = _signals, Events = PollIn };
            descriptors[3] = _standardOutput.Poll(_channel);
            descriptors[4] = _standardError.Poll(_channel);
            // Where the host cannot follow, the agent waits: what it did is told, or it did not do it.
            descriptors[5] = _channel.HasRoom ? Report.Poll : new PollDescriptor { Fd = -1 };
            descriptors[6] = Connections?.Poll(_channel) ?? new PollDescriptor { Fd = -1 };
            Descriptor.Poll(descriptors, NextTimeout());
            if (descriptors[0].Returned != 0)
            {
                _channel.Receive(Handle);
            }

            if (descriptors[1].Returned != 0)
            {
                _channel.Flush();
            }

            if (LeaseLeft <= 0)
            {
                _channel.Abandon();
            }

            if (_channel.IsClosed)
            {
                LibC.kill(AllProcesses, SignalKill);
                return null;
            }

            // Before the agent's output, so that what it prints comes after what it did.
            if (
                _channel.HasRoom
                && (
                    descriptors[5].Returned != 0
                    || descriptors[3].Returned != 0
                    || descriptors[4].Returned != 0
                    || Environment.TickCount64 >= Report.SendAt
                )
            )
            {
                Report.Send(_channel);
            }

            // What was carried before may have used up the room.
            if (descriptors[3].Returned != 0 && _standardOutput.Poll(_channel).Fd >= 0)
            {
                _standardOutput.Carry(_channel);
            }

            if (descriptors[4].Returned != 0 && _standardError.Poll(_channel).Fd >= 0)
            {
                _standardError.Carry(_channel);
            }

            if (descriptors[6].Returned != 0)
            {
                Connections?.Carry(_channel);
            }

            Reap();
            RunTimers();
        }

        return Exit();
    }

    private void Handle(FrameType type, byte[] payload)
    {
        switch (type)
        {
            case FrameType.Alive:
                break;
            case FrameType.Stop:
                End(EndCause.Stop, StopRequest.FromPayload(payload).GraceMilliseconds);
                break;
            case FrameType.EgressReply
            or FrameType.EgressReplyUrgent
            or FrameType.EgressReplyEnd
            or FrameType.EgressSentWindow when Connections is not null:
                Connections.Deliver(type, payload);
                break;
            case FrameType.EgressQuestion:
                EgressQuestion question = EgressQuestion.FromPayload(payload);
                _channel.Send(FrameType.EgressAnswer, new EgressAnswer(question.Number, SocketTable.IsHeld(question.Socket)).ToPayload());
                break;
            default:
                throw new ProtocolException($"A {type} frame came while the agent runs.");
        }
    }

    private int NextTimeout()
    {
        long next = Math.Min(
            Math.Min(_nextUsage, Math.Min(_nextWatch, _isEnding ? long.MaxValue : Workspace?.NextWatch ?? long.MaxValue)),
            _killAt
        );
        if (!_isEnding)
        {
            next = Math.Min(next, _isTimeoutNear ? _spec.TimeoutMilliseconds : _timeoutNear);
        }

        if (_areAllReaped && !AreConnectionsDone)
        {
            next = Math.Min(next, _reapedAt + LastBytesMilliseconds);
        }

        if (_areAllReaped && !_isReportComplete)
        {
            // The observer has the very last call in its hands.
            return 1;
        }

        long report = Math.Min(Report.FlushAt, _channel.HasRoom ? Report.SendAt : long.MaxValue);
        long flush = report == long.MaxValue ? long.MaxValue : report - Environment.TickCount64;
        return (int)Math.Clamp(Math.Min(Math.Min(next - ElapsedMilliseconds, LeaseLeft), flush), 0, int.MaxValue);
    }

    private void RunTimers()
    {
        if (_areAllReaped && !_isReportComplete && !Report.IsAdding)
        {
            _isReportComplete = true;
            Report.End();
        }

        long now = ElapsedMilliseconds;
        if (!_isEnding && now >= _spec.TimeoutMilliseconds)
        {
            End(EndCause.Timeout, _spec.GraceMilliseconds);
        }

        if (Environment.TickCount64 >= Report.FlushAt)
        {
            Report.Flush();
        }

        if (now >= _killAt)
        {
            LibC.kill(AllProcesses, SignalKill);
            // Again until all are reaped: a fork under way may have slipped past.
            _killAt = now + KillRepeatMilliseconds;
        }

        if (now >= _nextWatch)
        {
            _nextWatch = now + OutputWatchMilliseconds;
            WatchOutputs(now);
        }

        if (!_isEnding && now >= Workspace?.NextWatch && Workspace.IsGrownBeyond(_spec.MaxWorkspaceBytes, now))
        {
            End(EndCause.WorkspaceLimit, 0);
        }

        if (!_isTimeoutNear && now >= _timeoutNear)
        {
            // The host warns when it sees figures this late; it needs no clock of its own.
            _isTimeoutNear = true;
            _nextUsage = now;
        }

        if (now >= _nextUsage)
        {
            // What was missed, through a stopped process, is not made up for.
            _nextUsage = now + _spec.UsageIntervalMilliseconds;
            _channel.Send(FrameType.Usage, ReadUsage().ToPayload());
        }
    }

    private void WatchOutputs(long now)
    {
        if (_isEnding)
        {
            return;
        }

        OutputsFound found = Outputs.Measure();
        if (found.Passed != OutputBound.None)
        {
            End(EndCause.OutputLimit, 0);
        }
        else if (!_isOutputNear && Outputs.IsNear(found))
        {
            // The host warns when it sees the figures.
            _isOutputNear = true;
            _nextUsage = now;
        }
    }

    private void End(EndCause cause, long graceMilliseconds)
    {
        if (_isEnding)
        {
            return;
        }

        _isEnding = true;
        _cause = cause;
        _killAt = ElapsedMilliseconds + Math.Max(0, graceMilliseconds);
        LibC.kill(AllProcesses, SignalTerminate);
    }

    private void Reap()
    {
        DrainSignals();
        int status;
        int processId;
        while ((processId = LibC.waitpid(-1, &status, WaitNoHang)) > 0)
        {
            if (processId == _agent.ProcessId)
            {
                _hasAgentEnded = true;
                _status = status;
                _isEnding = true;
                // What the agent left behind ends with it.
                _killAt = 0;
            }
        }

        _areAllReaped = _hasAgentEnded && processId < 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == NoChild;
        if (_areAllReaped)
        {
            _killAt = long.MaxValue;
            _reapedAt = Math.Min(_reapedAt, ElapsedMilliseconds);
        }
    }

    private void DrainSignals()
    {
        // struct signalfd_siginfo, include/uapi/linux/signalfd.h: 128 bytes that begin with the signal. Which child it was, waitpid tells.
        Span<byte> signal = stackalloc byte[128];
        while (Descriptor.Read(_signals, signal) > 0)
        {
            if (BitConverter.ToInt32(signal) == SignalTerminate)
            {
                End(EndCause.Terminated, _spec.GraceMilliseconds);
            }
        }
    }

    private ResourceUsage ReadUsage()
    {
        ResourceUsage usage = _controlGroup.ReadUsage();
        return usage with
        {
            PidsDenied = usage.PidsDenied - ProcessesDeniedBefore,
            OutputBytes = Outputs.Measure().Bytes,
            ElapsedNanoseconds = Stopwatch.GetElapsedTime(_started).Ticks * TimeSpan.NanosecondsPerTick,
        };
    }

    private AgentExit Exit()
    {
        // wait status, include/uapi/linux/wait.h: the low seven bits are the signal, the next byte the code.
        int signal = _status & 0x7F;
        return new AgentExit
        {
            ExitCode = signal == 0 ? (_status >> 8) & 0xFF : -1,
            Signal = signal,
            Cause = _cause,
            StandardOutputBytes = _standardOutput.TotalBytes,
            StandardErrorBytes = _standardError.TotalBytes,
            Usage = ReadUsage(),
        };
    }
}
