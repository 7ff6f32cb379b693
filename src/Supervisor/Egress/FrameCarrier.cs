using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Carries the bytes of connections in frames, where the stream to the host carries nothing else. Lives in the egress thread;
/// <see cref="FramePipe"/> is its other end. Each connection has a window in each direction, so that a slow one holds up no other and
/// nothing piles up.
/// </summary>
internal sealed class FrameCarrier : EgressSource, IConnectionCarrier
{
    private readonly EgressLoop _loop;
    private readonly FrameDecoder _decoder = new();
    private readonly byte[] _input = new byte[64 * 1024];
    private readonly Dictionary<int, FramedConnection> _connections = [];
    private int _last;

    /// <param name="fd">The end of the pipe that is this thread's; it blocks.</param>
    /// <param name="loop">Waits for the pipe and for the connections.</param>
    public FrameCarrier(int fd, EgressLoop loop)
        : base(fd)
    {
        _loop = loop;
        loop.Add(this, EpollIn);
    }

    public void Open(ListeningEndpoint endpoint) => _loop.Add(new EgressListener(endpoint, this), EpollIn);

    public void Close(ListeningEndpoint endpoint) => _loop.CloseFromOutside(endpoint.Fd);

    /// <summary>Takes a connection that the agent has opened, and its descriptor with it.</summary>
    public void Carry(int fd, string host, int port)
    {
        int number = ++_last;
        Send(Frame.Create(FrameType.EgressOpened, new EgressOpened(number, host, port, SocketTable.NameOf(fd)).ToPayload()));
        FramedConnection connection = new(fd, number, this);
        _connections.Add(number, connection);
        _loop.Add(connection, EpollIn);
    }

    public override void OnReady(uint events)
    {
        int count = Descriptor.Read(Fd, _input);
        if (count <= 0)
        {
            throw new IOException("the pipe to the channel ended");
        }

        ReadOnlySpan<byte> received = _input.AsSpan(0, count);
        while (_decoder.TryRead(ref received, out FrameType type, out byte[] payload))
        {
            Take(type, payload);
        }
    }

    /// <summary>Sends a whole frame; waits while the host cannot follow.</summary>
    public void Send(ReadOnlySpan<byte> frame) => Descriptor.WriteAll(Fd, frame);

    /// <summary>Waits for something else of a connection.</summary>
    public void Change(FramedConnection connection, uint before, uint after)
    {
        if (before == after)
        {
            return;
        }

        // Without anything to wait for, the kernel would tell of errors and of the end all the same, again and again.
        if (after == 0)
        {
            _loop.Pause(connection);
        }
        else if (before == 0)
        {
            _loop.Resume(connection, after);
        }
        else
        {
            _loop.Change(connection, after);
        }
    }

    /// <summary>A connection has ended in both directions.</summary>
    public void Close(FramedConnection connection)
    {
        _connections.Remove(connection.Number);
        _loop.Close(connection);
    }

    /// <summary>A connection is broken, or is to be.</summary>
    public void Reset(FramedConnection connection)
    {
        _connections.Remove(connection.Number);
        _loop.Forget(connection);
        EgressSocket.Reset(connection.Fd);
    }

    // What comes for a connection that has ended meanwhile crossed its end on the way.
    private void Take(FrameType type, byte[] payload)
    {
        switch (type)
        {
            case FrameType.EgressReply when _connections.TryGetValue(EgressData.ConnectionOf(payload), out FramedConnection? connection):
                connection.Reply(payload.AsMemory(EgressData.HeaderLength));
                break;
            case FrameType.EgressReplyUrgent
                when _connections.TryGetValue(EgressData.ConnectionOf(payload), out FramedConnection? connection):
                connection.ReplyUrgent(payload.AsMemory(EgressData.HeaderLength));
                break;
            case FrameType.EgressReplyEnd:
                EgressEnd end = EgressEnd.FromPayload(payload);
                _connections.GetValueOrDefault(end.Connection)?.EndReply(end.IsReset);
                break;
            case FrameType.EgressSentWindow:
                EgressWindow window = EgressWindow.FromPayload(payload);
                _connections.GetValueOrDefault(window.Connection)?.Grow(window.Bytes);
                break;
        }
    }
}
