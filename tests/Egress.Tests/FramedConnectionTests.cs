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
        FramedConnections connections = new(Channel.CreateUnbounded<AgentConnection>().Writer, SendAsync, new SocketHolders(SendAsync));
        Assert.IsTrue(connections.TryTake(FrameType.EgressOpened, new EgressOpened(1, "a.test", 7, "").ToPayload()));
        byte[] payload = new byte[EgressData.HeaderLength + 1];
        EgressData.WriteHeader(payload, 1);
        Assert.ThrowsExactly<ProtocolException>(
            () => connections.TryTake(FrameType.EgressSentUrgent, payload[..EgressData.HeaderLength]),
            "no byte"
        );
        byte[] tooLong = Frame.Create(FrameType.EgressSentUrgent, payload);
        tooLong[4]++;
        Assert.ThrowsExactly<ProtocolException>(() => Frame.ReadHeader(tooLong), "two bytes");
        for (int i = 0; i < EgressWindow.Initial; i++)
        {
            Assert.IsTrue(connections.TryTake(FrameType.EgressSentUrgent, payload));
        }

        Assert.ThrowsExactly<ProtocolException>(() => connections.TryTake(FrameType.EgressSentUrgent, payload), "more than the window");
    }

    [TestMethod]
    public async Task Answers_ThatNobodyAskedFor_AreRefused()
    {
        Channel<byte[]> sent = Channel.CreateUnbounded<byte[]>();
        SocketHolders holders = new(async (_, payload, token) => await sent.Writer.WriteAsync(payload, token));
        byte[] answer = new EgressAnswer(1, IsHeld: false).ToPayload();
        Assert.ThrowsExactly<ProtocolException>(() => holders.TryTake(FrameType.EgressAnswer, answer));
        Task left = holders.WhenUnheldAsync("x y", CancellationToken.None);
        Assert.AreEqual(new EgressQuestion(1, "x y"), EgressQuestion.FromPayload(await sent.Reader.ReadAsync()));
        Assert.ThrowsExactly<ProtocolException>(() =>
            holders.TryTake(FrameType.EgressAnswer, new EgressAnswer(2, IsHeld: false).ToPayload())
        );
        Assert.IsTrue(holders.TryTake(FrameType.EgressAnswer, answer));
        await left.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.ThrowsExactly<ProtocolException>(() => holders.TryTake(FrameType.EgressAnswer, answer));
    }

    private static Task SendAsync(FrameType type, byte[] payload, CancellationToken cancellationToken) => Task.CompletedTask;
}
