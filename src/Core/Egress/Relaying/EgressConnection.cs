using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Relaying;

/// <summary>One connection of an agent, from its acceptance to its end, with what passed through it.</summary>
/// <param name="agent">The agent's end; closed with this.</param>
/// <param name="target">What was asked for.</param>
/// <param name="traffic">Counts for the whole run, and knows the limits.</param>
/// <param name="time">For the idle limit.</param>
internal sealed class EgressConnection(DuplexStream agent, EgressTarget target, EgressTraffic traffic, TimeProvider time) : IDisposable
{
    private const int MostNoted = 20;

    private readonly Lock _closing = new();
    private DuplexStream? _server;
    private long _sent;
    private long _received;
    private long _lastActivity = time.GetTimestamp();
    private long _headSince;
    private bool _isAborted;
    private int _noted;

    public DuplexStream Agent => agent;

    public EgressTarget Target => target;

    public long Started { get; } = time.GetTimestamp();

    public long Sent => Interlocked.Read(ref _sent);

    public long Received => Interlocked.Read(ref _received);

    public TimeSpan Duration => time.GetElapsedTime(Started);

    /// <summary>Since when nothing has passed either way.</summary>
    public TimeSpan Idle => time.GetElapsedTime(Interlocked.Read(ref _lastActivity));

    /// <summary>For how long the agent has been sending a head that is not complete.</summary>
    public TimeSpan HeadAge => Interlocked.Read(ref _headSince) is var since and not 0 ? time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Why it was ended from outside; null where it was not.</summary>
    public string? AbortReason { get; private set; }

    public bool IsAttached => _server is not null;

    /// <summary>The end towards the server, once it is there.</summary>
    /// <exception cref="ObjectDisposedException">The connection was aborted meanwhile; the stream is closed.</exception>
    public void Attach(DuplexStream server)
    {
        lock (_closing)
        {
            if (!_isAborted)
            {
                _server = server;
                return;
            }
        }

        server.Abort();
        throw new ObjectDisposedException(nameof(EgressConnection));
    }

    /// <summary>Counts bytes that are about to go to the server.</summary>
    /// <exception cref="EgressRefusedException">They are more than may be sent to the endpoint; none of them may go.</exception>
    public void CountSent(int bytes)
    {
        traffic.CountSent(target, bytes);
        Interlocked.Add(ref _sent, bytes);
        Interlocked.Exchange(ref _lastActivity, time.GetTimestamp());
    }

    public void CountReceived(int bytes)
    {
        traffic.CountReceived(bytes);
        Interlocked.Add(ref _received, bytes);
        Interlocked.Exchange(ref _lastActivity, time.GetTimestamp());
    }

    /// <summary>The agent has begun a request or a handshake that must now come to its end.</summary>
    public void BeginHead() => Interlocked.CompareExchange(ref _headSince, time.GetTimestamp(), 0);

    public void EndHead() => Interlocked.Exchange(ref _headSince, 0);

    /// <summary>Resets both ends, so that whatever waits on them goes on with an error.</summary>
    public void Abort(string? reason = null)
    {
        DuplexStream? server;
        lock (_closing)
        {
            _isAborted = true;
            AbortReason ??= reason;
            server = _server;
        }

        agent.Abort();
        server?.Abort();
    }

    /// <summary>Remembers what went wrong on the way to the server, for the end of the connection.</summary>
    public void NoteError(string reason)
    {
        lock (_closing)
        {
            AbortReason ??= reason;
        }
    }

    /// <summary>Remembers a request of many whose exchange was broken, beside what is noted already; so many as a person reads.</summary>
    public void NoteBroken(string reason)
    {
        lock (_closing)
        {
            if (_noted++ < MostNoted)
            {
                AbortReason = AbortReason is null ? reason : $"{AbortReason}; {reason}";
            }
        }
    }

    public void Dispose()
    {
        DuplexStream? server;
        lock (_closing)
        {
            _isAborted = true;
            server = _server;
        }

        agent.Dispose();
        server?.Dispose();
    }
}
