using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Sends requests over HTTP/1.1 and keeps connections for the next ones.</summary>
internal sealed class Http1Client : IDisposable
{
    /// <summary>How long a body is held back for a server that was asked whether it wants it.</summary>
    public static readonly TimeSpan ContinueTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(15);
    private static readonly List<SslApplicationProtocol> Offered = [SslApplicationProtocol.Http11];

    private readonly TlsDialler _dialler;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<EgressTarget, ConcurrentStack<(Http1Connection Connection, long Since)>> _kept = [];
    private readonly ITimer _sweep;
    private volatile bool _isDisposed;

    public Http1Client(TlsDialler dialler, TimeProvider time)
    {
        _dialler = dialler;
        _time = time;
        _sweep = time.CreateTimer(_ => Sweep(IdleTime), null, SweepInterval, SweepInterval);
    }

    /// <summary>Sends a request, and gives the answer as soon as its head is there.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        EgressTarget target,
        HttpRequestMessage request,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            bool isKept = TryTake(target, out Http1Connection? connection);
            connection ??= (await _dialler.OpenAsync(target, Offered, cancellationToken).ConfigureAwait(false)).Connection;
            Http1Exchange one = new(this, target, connection);
            try
            {
                return await one.SendAsync(request, exchange, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception)
                when (exception is IOException or SocketException or ObjectDisposedException
                    && isKept
                    && one.IsUnheard
                    && !cancellationToken.IsCancellationRequested
                )
            {
                // The server had ended the connection when the request came: it has seen none, and another may have it.
                connection.Dispose();
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        }
    }

    /// <summary>Keeps a connection on which nothing is under way.</summary>
    public void Keep(EgressTarget target, Http1Connection connection)
    {
        connection.WatchEnd();
        _kept.GetOrAdd(target, static _ => []).Push((connection, _time.GetTimestamp()));
        if (_isDisposed)
        {
            Sweep(TimeSpan.Zero);
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        _sweep.Dispose();
        Sweep(TimeSpan.Zero);
    }

    private bool TryTake(EgressTarget target, out Http1Connection? connection)
    {
        while (
            _kept.TryGetValue(target, out ConcurrentStack<(Http1Connection Connection, long Since)>? stack)
            && stack.TryPop(out (Http1Connection Connection, long Since) kept)
        )
        {
            if (!kept.Connection.IsEnded)
            {
                connection = kept.Connection;
                return true;
            }

            kept.Connection.Dispose();
        }

        connection = null;
        return false;
    }

    /// <summary>Closes what has been kept for long, or has ended.</summary>
    private void Sweep(TimeSpan longest)
    {
        foreach (ConcurrentStack<(Http1Connection Connection, long Since)> stack in _kept.Values)
        {
            (Http1Connection Connection, long Since)[] all = new (Http1Connection, long)[stack.Count];
            int count = stack.TryPopRange(all);
            foreach ((Http1Connection Connection, long Since) kept in all.Take(count).Reverse())
            {
                if (kept.Connection.IsEnded || _time.GetElapsedTime(kept.Since) >= longest)
                {
                    kept.Connection.Dispose();
                }
                else
                {
                    stack.Push(kept);
                }
            }
        }
    }
}
