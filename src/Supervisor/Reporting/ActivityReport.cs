using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Reporting;

/// <summary>
/// Carries what was seen of the agent from the threads that see it to the one that talks to the host. The same thing again within a second
/// is counted and told once. The agent waits where the host cannot follow. Past a bound, what is allowed is only counted, and what is
/// denied is told without its name, but told.
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
    private readonly int _wake = WakeEvent.Create();

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
    public void Add(in ActivityNote note)
    {
        bool mustWait;
        lock (_lock)
        {
            Count(note with { Subject = Bounded(note.Subject), Detail = Bounded(note.Detail) });
            mustWait = _waiting.Bytes >= MaxWaitingBytes;
            _blocked += mustWait ? 1 : 0;
        }

        if (mustWait)
        {
            _room.Wait();
        }
    }

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
                ActivityNote note = _repeats[i];
                if (note.Count > 0)
                {
                    Tell(in note);
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
                Tell(new ActivityNote { Kind = ActivityKind.Omitted, Count = _omitted });
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
            WakeEvent.Reset(_wake);
            // Where nothing came since the last look, the observer wakes this thread from here on.
            _sendAt = _leaving.IsEmpty ? long.MaxValue : Environment.TickCount64 + GatherMilliseconds;
            if (_blocked > 0)
            {
                _room.Release(_blocked);
                _blocked = 0;
            }
        }
    }

    private void Count(in ActivityNote note)
    {
        if (_probesLeft > 0)
        {
            _probesLeft -= note.IsDenied ? 1 : 0;
            return;
        }

        if (_repeats.TryCount(in note, out RepeatTable.Place place))
        {
            return;
        }

        if (!note.IsDenied && ++_allowed > MaxAllowed)
        {
            _omitted++;
            return;
        }

        if (note.IsDenied && ++_denied > MaxDenied)
        {
            ActivityNote nameless = new()
            {
                Kind = note.Kind,
                Reason = note.Reason,
                ProcessId = note.ProcessId,
                Subject = Further,
            };
            if (!_repeats.TryCount(in nameless, out place))
            {
                Remember(place, isReserved: true, in nameless);
            }

            return;
        }

        Remember(place, isReserved: false, in note);
    }

    private void Remember(RepeatTable.Place place, bool isReserved, in ActivityNote note)
    {
        if (_repeats.TryAdd(place, isReserved, in note) && _flushAt == long.MaxValue)
        {
            _flushAt = Environment.TickCount64 + WindowMilliseconds;
        }

        Tell(in note);
    }

    private void Tell(in ActivityNote note)
    {
        _program.Clear();
        if (note.IsDenied)
        {
            PathResolver.ReadProgram(note.ProcessId, _program);
        }

        bool wasFew = _waiting.Bytes < GatherBytes;
        _waiting.Add(note with { Program = Bounded(_program.Bytes) });
        if (_sendAt == long.MaxValue || note.IsDenied || (wasFew && _waiting.Bytes >= GatherBytes))
        {
            _sendAt = 0;
            Wake();
        }
    }

    private static ReadOnlySpan<byte> Bounded(ReadOnlySpan<byte> text) => text.Length <= MaxSubject ? text : text[..MaxSubject];

    private void Wake() => WakeEvent.Set(_wake);
}
