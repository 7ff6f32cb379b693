using System.Net.Sockets;
using System.Threading.Channels;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>
/// Takes the agent's connections to one endpoint from the socket of the sandbox's that they arrive at, in the thread that then serves them.
/// </summary>
internal sealed class AgentListener : IAsyncDisposable
{
    // An agent that has ended may have opened its last ones just before.
    private const int MaxLast = 1024;

    private static readonly TimeSpan PauseWhenShort = TimeSpan.FromMilliseconds(100);

    private readonly ReadinessLoop _loop;
    private readonly Socket _socket;
    private readonly EgressTarget _target;
    private readonly ChannelWriter<AgentConnection> _connections;
    private readonly SocketHolders _holders;
    private readonly SocketReadiness _readiness;
    private readonly Task<bool> _accepting;

    /// <param name="loop">Waits.</param>
    /// <param name="socket">Listens; owned from here on.</param>
    /// <param name="target">What connections that arrive here asked for.</param>
    /// <param name="connections">Takes them.</param>
    /// <param name="holders">Knows whether the agent's ends are still held.</param>
    public AgentListener(
        ReadinessLoop loop,
        Socket socket,
        EgressTarget target,
        ChannelWriter<AgentConnection> connections,
        SocketHolders holders
    )
    {
        _loop = loop;
        _socket = socket;
        _target = target;
        _connections = connections;
        _holders = holders;
        socket.Blocking = false;
        _readiness = new SocketReadiness(loop, socket.SafeHandle);
        _accepting = AcceptAsync();
    }

    /// <summary>Takes those that have arrived until now, and closes the socket.</summary>
    public async ValueTask DisposeAsync()
    {
        _readiness.Dispose();
        if (await _accepting.ConfigureAwait(false))
        {
            for (
                int left = MaxLast;
                left > 0 && _socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) && Accept() == SocketError.Success;
                left--
            ) { }
        }

        _socket.Dispose();
    }

    // False where the supervisor has ended it, which has taken what had arrived. One at a time, so that other sockets of the loop's have
    // their turn.
    private async Task<bool> AcceptAsync()
    {
        while (true)
        {
            try
            {
                await _readiness.WaitAsync().ConfigureAwait(false);
            }
            catch (ObjectDisposedException)
            {
                return true;
            }

            SocketError error = Accept();
            if (error is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                // It waits where it is until this process has room for it.
                await Task.Delay(PauseWhenShort).ConfigureAwait(false);
            }
            else if (error is not (SocketError.Success or SocketError.WouldBlock or SocketError.ConnectionAborted))
            {
                _readiness.Dispose();
                _socket.Dispose();
                return false;
            }
        }
    }

    private SocketError Accept()
    {
        Socket connection;
        try
        {
            connection = _socket.Accept();
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode;
        }

        if (!_connections.TryWrite(new AgentConnection(new SocketDuplexStream(connection, _loop, _holders.WhenUnheldAsync), _target)))
        {
            connection.Dispose();
        }

        return SocketError.Success;
    }
}
