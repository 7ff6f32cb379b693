using System.Collections.Concurrent;
using System.Threading.Channels;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>Sorts the frames of the agent's connections, where their bytes come in frames.</summary>
/// <param name="connections">Takes each new one.</param>
/// <param name="send">Sends a frame to the supervisor.</param>
/// <param name="holders">Knows whether the agent's ends are still held.</param>
internal sealed class FramedConnections(
    ChannelWriter<AgentConnection> connections,
    Func<FrameType, byte[], CancellationToken, Task> send,
    SocketHolders holders
)
{
    private readonly ConcurrentDictionary<int, FramedDuplexStream> _open = new();

    /// <summary>Takes a frame; never waits.</summary>
    /// <returns>False where it belongs to no connection.</returns>
    /// <exception cref="ProtocolException">The supervisor broke the protocol.</exception>
    public bool TryTake(FrameType type, byte[] payload)
    {
        switch (type)
        {
            case FrameType.EgressOpened:
                EgressOpened opened = EgressOpened.FromPayload(payload);
                FramedDuplexStream stream = new(opened.Connection, send, token => holders.WhenUnheldAsync(opened.Socket, token), this);
                if (!_open.TryAdd(opened.Connection, stream))
                {
                    throw new ProtocolException("A connection's number was used twice.");
                }

                connections.TryWrite(new AgentConnection(stream, new EgressTarget(opened.Host, opened.Port)));
                return true;
            case FrameType.EgressSent:
                Find(EgressData.ConnectionOf(payload))?.Take(payload.AsMemory(EgressData.HeaderLength), isUrgent: false);
                return true;
            case FrameType.EgressSentUrgent:
                Find(EgressData.ConnectionOf(payload))?.Take(payload.AsMemory(EgressData.HeaderLength), isUrgent: true);
                return true;
            case FrameType.EgressSentEnd:
                EgressEnd end = EgressEnd.FromPayload(payload);
                Find(end.Connection)?.EndTake(end.IsReset);
                return true;
            case FrameType.EgressReplyWindow:
                EgressWindow window = EgressWindow.FromPayload(payload);
                Find(window.Connection)?.Grow(window.Bytes);
                return true;
            default:
                return false;
        }
    }

    /// <summary>A connection has ended on this side; what still comes for it crossed its end.</summary>
    public void Forget(int connection) => _open.TryRemove(connection, out _);

    /// <summary>The stream to the sandbox has ended, and every connection with it.</summary>
    public void EndAll()
    {
        foreach (FramedDuplexStream stream in _open.Values)
        {
            stream.EndTake(isReset: true);
        }
    }

    private FramedDuplexStream? Find(int connection) => _open.GetValueOrDefault(connection);
}
