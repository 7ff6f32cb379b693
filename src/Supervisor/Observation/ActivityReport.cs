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
    private const int MaxWindows = 4096;
    private const int MaxAllowed = 100_000;
    private const int MaxDenied = 100_000;
    private const string Further = "(further ones)";
    private const int MaxWaiting = 1024;

    // Under a storm the other thread is woken so often, and not for each of its drops; what was refused is told at once.
    private const long GatherMilliseconds = 10;
    private const int GatherCount = 256;
    private const int MaxSubject = 4096;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _room = new(0);
    private readonly Dictionary<(ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port), Window> _windows = [];
    private readonly Queue<Activity> _waiting = new();
    private readonly int _wake = CreateWake();
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
                return _waiting.Count == 0;
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

    /// <summary>Takes note of one thing, and waits while too much is untold.</summary>
    public void Add(ActivityKind kind, DenialReason reason, int processId, string subject, string detail = "", int port = 0)
    {
        bool mustWait;
        lock (_lock)
        {
            Count((kind, reason, subject, detail, port), processId);
            mustWait = _waiting.Count >= MaxWaiting;
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
        lock (_lock)
        {
            if (_failure is not null)
            {
                throw new IOException($"the observation of the agent failed: {_failure.Message}", _failure);
            }

            bool isIdle = _waiting.Count == 0;
            channel.Hold();
            while (channel.HasRoom && _waiting.TryDequeue(out Activity? activity))
            {
                channel.Send(FrameType.Activity, activity.ToPayload());
            }

            channel.Release();
            if (_waiting.Count == 0)
            {
                _ = Descriptor.Read(_wake, stackalloc byte[sizeof(ulong)]);
            }

            // Nothing came since the last look: from here on the observer wakes this thread.
            _sendAt = isIdle ? long.MaxValue : Environment.TickCount64 + GatherMilliseconds;
            if (_blocked > 0 && _waiting.Count < MaxWaiting)
            {
                _room.Release(_blocked);
                _blocked = 0;
            }
        }
    }

    /// <summary>Tells the repeats, and begins to count anew.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            foreach (var (key, window) in _windows)
            {
                if (window.Repeats > 0)
                {
                    Tell(key, window.ProcessId, window.Repeats);
                }
            }

            _windows.Clear();
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
                Enqueue(new Activity { Kind = ActivityKind.Omitted, Count = _omitted, Subject = [] });
            }
        }
    }

    public void Dispose() => _room.Dispose();

    private void Count((ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port) key, int processId)
    {
        if (_probesLeft > 0)
        {
            _probesLeft -= key.Reason == DenialReason.None ? 0 : 1;
            return;
        }

        if (TryFold(key))
        {
            return;
        }

        if (key.Reason == DenialReason.None && ++_allowed > MaxAllowed)
        {
            _omitted++;
            return;
        }

        bool isNameless = key.Reason != DenialReason.None && ++_denied > MaxDenied;
        if (isNameless)
        {
            key = (key.Kind, key.Reason, Further, "", 0);
            if (TryFold(key))
            {
                return;
            }
        }

        if (_windows.Count < MaxWindows || isNameless)
        {
            _windows.Add(key, new Window(processId));
            _flushAt = Math.Min(_flushAt, Environment.TickCount64 + WindowMilliseconds);
        }

        Tell(key, processId, 1);
    }

    private bool TryFold((ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port) key)
    {
        if (!_windows.TryGetValue(key, out Window? window))
        {
            return false;
        }

        window.Repeats++;
        return true;
    }

    private void Tell((ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port) key, int processId, int count) => Enqueue(new Activity
    {
        Kind = key.Kind,
        Reason = key.Reason,
        ProcessId = processId,
        Count = count,
        Port = key.Port,
        Subject = Bytes(key.Subject),
        Detail = Bytes(key.Detail),
        Program = key.Reason == DenialReason.None ? [] : Bytes(PathResolver.Program(processId)),
    });

    private void Enqueue(Activity activity)
    {
        _waiting.Enqueue(activity);
        if (_sendAt == long.MaxValue || activity.Reason != DenialReason.None || _waiting.Count == GatherCount)
        {
            _sendAt = Environment.TickCount64;
            Wake();
        }
    }

    private static int CreateWake()
    {
        int wake = LibC.eventfd(0, OpenNonBlocking | OpenCloseOnExec);
        KernelException.ThrowIfFailed("eventfd", wake);
        return wake;
    }

    private void Wake() => _ = Descriptor.Write(_wake, BitConverter.GetBytes(1UL));

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text.Length <= MaxSubject ? text : text[..MaxSubject]);

    private sealed class Window(int processId)
    {
        public int ProcessId { get; } = processId;

        public int Repeats { get; set; }
    }
}
