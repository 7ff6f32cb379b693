using System.Threading.Channels;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox.Connections;

namespace IsolatedAgents.Egress.Tests;

/// <summary>What comes in frames from a sandbox is hostile.</summary>
[TestClass]
public sealed class FramedConnectionTests
{
    [TestMethod]
    public void UrgentFrames_OfNoByteOrSeveralOrTooMany_AreRefused()
    {
        FramedConnections connections = new(Channel.CreateUnbounded<AgentConnection>().Writer, (_, _, _) => Task.CompletedTask);
        Assert.IsTrue(connections.TryTake(FrameType.EgressOpened, new EgressOpened(1, "a.test", 7).ToPayload()));
        byte[] payload = new byte[EgressData.HeaderLength + 1];
        EgressData.WriteHeader(payload, 1);
        Assert.ThrowsExactly<ProtocolException>(() => connections.TryTake(FrameType.EgressSentUrgent, payload[..EgressData.HeaderLength]), "no byte");
        byte[] tooLong = Frame.Create(FrameType.EgressSentUrgent, payload);
        tooLong[4]++;
        Assert.ThrowsExactly<ProtocolException>(() => Frame.ReadHeader(tooLong), "two bytes");
        for (int i = 0; i < EgressWindow.Initial; i++)
        {
            Assert.IsTrue(connections.TryTake(FrameType.EgressSentUrgent, payload));
        }

        Assert.ThrowsExactly<ProtocolException>(() => connections.TryTake(FrameType.EgressSentUrgent, payload), "more than the window");
    }
}
