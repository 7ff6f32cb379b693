using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Tells the host what the agent does. The same thing again within a second is counted and told once; what is denied is told however much it is, and the agent
/// waits where the host cannot follow; of what is allowed, what is past a bound is only counted.
/// </summary>
internal sealed class ActivityReport(HostChannel channel)
{
    private const long WindowMilliseconds = 1000;
    private const int MaxWindows = 4096;
    private const int MaxAllowed = 100_000;
    private const int MaxSubject = 4096;

    private readonly Dictionary<(ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port), Window> _windows = [];
    private readonly List<Activity> _early = [];
    private long _flushAt = long.MaxValue;
    private int _allowed;
    private int _omitted;
    private bool _isOpen;

    /// <summary>What was denied so far.</summary>
    public int Denials { get; private set; }

    /// <summary>When <see cref="Flush"/> is due, in milliseconds of the system's monotonic clock.</summary>
    public long FlushAt => _flushAt;

    /// <summary>Forgets what came before: it was the launcher's.</summary>
    public void Restart()
    {
        _early.Clear();
        _windows.Clear();
        _allowed = 0;
    }

    /// <summary>The agent runs: what it did until now is told, and from now on at once.</summary>
    public void Open()
    {
        _isOpen = true;
        foreach (Activity activity in _early)
        {
            Send(activity);
        }

        _early.Clear();
    }

    /// <summary>Takes note of one thing.</summary>
    public void Add(ActivityKind kind, DenialReason reason, int processId, string subject, string detail = "", int port = 0)
    {
        if (reason != DenialReason.None)
        {
            Denials++;
        }

        var key = (kind, reason, subject, detail, port);
        if (_windows.TryGetValue(key, out Window? window))
        {
            window.Repeats++;
            return;
        }

        if (reason == DenialReason.None && ++_allowed > MaxAllowed)
        {
            _omitted++;
            return;
        }

        if (_windows.Count < MaxWindows)
        {
            _windows.Add(key, new Window(processId));
            _flushAt = Math.Min(_flushAt, Environment.TickCount64 + WindowMilliseconds);
        }

        Tell(key, processId, 1);
    }

    /// <summary>Tells the repeats, and begins to count anew.</summary>
    public void Flush()
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

    /// <summary>Tells all that is left, once no process of the agent is.</summary>
    public void End()
    {
        Flush();
        if (_omitted > 0)
        {
            Send(new Activity { Kind = ActivityKind.Omitted, Count = _omitted, Subject = [] });
        }
    }

    private void Tell((ActivityKind Kind, DenialReason Reason, string Subject, string Detail, int Port) key, int processId, int count)
    {
        Activity activity = new()
        {
            Kind = key.Kind,
            Reason = key.Reason,
            ProcessId = processId,
            Count = count,
            Port = key.Port,
            Subject = Bytes(key.Subject),
            Detail = Bytes(key.Detail),
            Program = key.Reason == DenialReason.None ? [] : Bytes(PathResolver.Program(processId)),
        };
        if (_isOpen)
        {
            Send(activity);
        }
        else
        {
            _early.Add(activity);
        }
    }

    private void Send(Activity activity) => channel.Send(FrameType.Activity, activity.ToPayload());

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text.Length <= MaxSubject ? text : text[..MaxSubject]);

    private sealed class Window(int processId)
    {
        public int ProcessId { get; } = processId;

        public int Repeats { get; set; }
    }
}
