using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Carries what was seen of the agent from the threads that see it to the one that talks to the host. The same thing again within a second is counted and told once.
/// The agent waits where the host cannot follow. Past a bound, what is allowed is only counted, and what is denied is told without its name, but told.
/// </summary>
/// <param name="probes">How many denials come first that are the launcher's, and are not told.</param>
internal sealed class ActivityReport(int probes) : IDisposable
{
    private const long WindowMilliseconds = 1000;
    private const int MaxAllowed = 100_000;
    private const int MaxDenied = 100_000;

    // While the host cannot follow: so much waits here, then the agent does.
    private const int MaxWaitingBytes = 256 * 1024;

    // Under a storm the other thread is woken so often, and not for each of its drops; what was refused is told at once.
    private const long GatherMilliseconds = 10;
    private const int GatherBytes = 32 * 1024;
    private const int MaxSubject = 4096;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _room = new(0);
    private readonly RepeatTable _repeats = new();
    private readonly PathBuffer _program = new();
    private readonly int _wake = CreateWake();

    // The one is filled by those who see; the other one, which they have filled before, is the sender's.
    private ActivityQueue _waiting = new();
    private ActivityQueue _leaving = new();
    private Exception? _failure;
    private long _flushAt = long.MaxValue;
    private long _sendAt = long.MaxValue;
    private int _allowed;
    private int _denied;
    private int _omitted;
    private int _probesLeft = probes;
    private int _blocked;
    private volatile bool _isAdding;

    /// <summary>Whether every probe was denied, and is known to be.</summary>
    public bool AreProbesSeen
    {
        get
        {
            lock (_lock)
            {
                return _probesLeft == 0;
            }
        }
    }

    /// <summary>The entry to poll for something to tell.</summary>
    public PollDescriptor Poll => new() { Fd = _wake, Events = PollIn };

    /// <summary>Whether something that was let pass is about to be noted.</summary>
    public bool IsAdding => _isAdding;

    /// <summary>Whether all was told.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _waiting.IsEmpty && _leaving.IsEmpty;
            }
        }
    }

    /// <summary>When <see cref="Flush"/> is due, in milliseconds of the system's monotonic clock.</summary>
    public long FlushAt
    {
        get
        {
            lock (_lock)
            {
                return _flushAt;
            }
        }
    }

    /// <summary>When <see cref="Send"/> is due, in milliseconds of the system's monotonic clock.</summary>
    public long SendAt
    {
        get
        {
            lock (_lock)
            {
                return _sendAt;
            }
        }
    }

    private static ReadOnlySpan<byte> Further => "(further ones)"u8;

    /// <summary>Takes note of one thing, and waits while too much is untold.</summary>
    public void Add(ActivityKind kind, DenialReason reason, int processId, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> detail = default, int port = 0)
    {
        bool mustWait;
        lock (_lock)
        {
            Count(kind, reason, processId, Bounded(subject), Bounded(detail), port);
            mustWait = _waiting.Bytes >= MaxWaitingBytes;
            _blocked += mustWait ? 1 : 0;
        }

        if (mustWait)
        {
            _room.Wait();
        }
    }

    /// <summary>Takes note of what has a text instead of bytes.</summary>
    public void Add(ActivityKind kind, DenialReason reason, int processId, string subject) => Add(kind, reason, processId, Encoding.Latin1.GetBytes(subject));

    /// <summary>Something is let pass, and will be noted before <see cref="Complete"/>. The observer's alone.</summary>
    public void Begin() => _isAdding = true;

    /// <summary>It was noted.</summary>
    public void Complete() => _isAdding = false;

    /// <summary>The observer has failed: whatever happens from here on is unseen.</summary>
    public void Fail(Exception failure)
    {
        lock (_lock)
        {
            _failure = failure;
            Wake();
        }
    }

    /// <summary>Tells what there is, as far as the host can follow.</summary>
    /// <exception cref="IOException">The observer has failed.</exception>
    public void Send(HostChannel channel)
    {
        channel.Hold();
        SendLeaving(channel);
        if (_leaving.IsEmpty)
        {
            Exchange();
            SendLeaving(channel);
        }

        channel.Release();
    }

    /// <summary>Tells the repeats, and begins to count anew.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            for (int i = 0; i < _repeats.Count; i++)
            {
                ref readonly RepeatTable.Entry entry = ref _repeats[i];
                if (entry.Repeats > 0)
                {
                    Tell(entry.Kind, entry.Reason, entry.ProcessId, entry.Repeats, entry.Port, _repeats.SubjectOf(in entry), _repeats.DetailOf(in entry));
                }
            }

            _repeats.Clear();
            _flushAt = long.MaxValue;
        }
    }

    /// <summary>Hands over all that is left, once no process of the agent is.</summary>
    public void End()
    {
        Flush();
        lock (_lock)
        {
            if (_omitted > 0)
            {
                Tell(ActivityKind.Omitted, DenialReason.None, 0, _omitted, 0, default, default);
            }
        }
    }

    public void Dispose() => _room.Dispose();

    // Who sees something does not wait while this is written.
    private void SendLeaving(HostChannel channel)
    {
        while (channel.HasRoom && _leaving.TryTake(out ReadOnlySpan<byte> payload))
        {
            channel.Send(FrameType.Activity, payload);
        }
    }

    private void Exchange()
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                throw new IOException($"the observation of the agent failed: {_failure.Message}", _failure);
            }

            _leaving.Clear();
            (_waiting, _leaving) = (_leaving, _waiting);
            _ = Descriptor.Read(_wake, stackalloc byte[sizeof(ulong)]);
            // Where nothing came since the last look, the observer wakes this thread from here on.
            _sendAt = _leaving.IsEmpty ? long.MaxValue : Environment.TickCount64 + GatherMilliseconds;
            if (_blocked > 0)
            {
                _room.Release(_blocked);
                _blocked = 0;
            }
        }
    }

    private void Count(ActivityKind kind, DenialReason reason, int processId, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> detail, int port)
    {
        if (_probesLeft > 0)
        {
            _probesLeft -= reason == DenialReason.None ? 0 : 1;
            return;
        }

        if (_repeats.TryCount(kind, reason, port, subject, detail, out RepeatTable.Place place))
        {
            return;
        }

        if (reason == DenialReason.None && ++_allowed > MaxAllowed)
        {
            _omitted++;
            return;
        }

        bool isNameless = reason != DenialReason.None && ++_denied > MaxDenied;
        if (isNameless)
        {
            subject = Further;
            detail = default;
            port = 0;
            if (_repeats.TryCount(kind, reason, port, subject, detail, out place))
            {
                return;
            }
        }

        if (_repeats.TryAdd(place, isNameless, kind, reason, processId, port, subject, detail) && _flushAt == long.MaxValue)
        {
            _flushAt = Environment.TickCount64 + WindowMilliseconds;
        }

        Tell(kind, reason, processId, 1, port, subject, detail);
    }

    private void Tell(ActivityKind kind, DenialReason reason, int processId, int count, int port, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> detail)
    {
        _program.Clear();
        if (reason != DenialReason.None)
        {
            PathResolver.ReadProgram(processId, _program);
        }

        bool wasFew = _waiting.Bytes < GatherBytes;
        _waiting.Add(kind, reason, processId, count, port, subject, detail, Bounded(_program.Bytes));
        if (_sendAt == long.MaxValue || reason != DenialReason.None || (wasFew && _waiting.Bytes >= GatherBytes))
        {
            _sendAt = 0;
            Wake();
        }
    }

    private static ReadOnlySpan<byte> Bounded(ReadOnlySpan<byte> text) => text.Length <= MaxSubject ? text : text[..MaxSubject];

    private static int CreateWake()
    {
        int wake = LibC.eventfd(0, OpenNonBlocking | OpenCloseOnExec);
        KernelException.ThrowIfFailed("eventfd", wake);
        return wake;
    }

    private void Wake()
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        _ = Descriptor.Write(_wake, one);
    }
}
