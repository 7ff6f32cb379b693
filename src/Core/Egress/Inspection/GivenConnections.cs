using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>Stands in for a listener of the HTTP server: the broker gives it connections, and no port is opened.</summary>
internal sealed class GivenConnections : IConnectionListenerFactory, IConnectionListener
{
    private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>();

    /// <summary>An address that means nothing; servers want one.</summary>
    public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.Loopback, 1);

    public ValueTask GiveAsync(ConnectionContext connection, CancellationToken cancellationToken) =>
        _connections.Writer.WriteAsync(connection, cancellationToken);

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(this);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _connections.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_connections.Reader.TryRead(out ConnectionContext? connection))
            {
                return connection;
            }
        }

        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _connections.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();
}
