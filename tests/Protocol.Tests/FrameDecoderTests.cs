using System.Buffers.Binary;

namespace IsolatedAgents.Protocol.Tests;

[TestClass]
public sealed class FrameDecoderTests
{
    [TestMethod]
    [DataRow(1)]
    [DataRow(3)]
    [DataRow(7)]
    [DataRow(8)]
    [DataRow(9)]
    [DataRow(4096)]
    public void TryRead_StreamInChunksOfAnySize_GivesTheFrames(int chunk)
    {
        byte[] data = [.. Enumerable.Range(0, 1000).Select(number => (byte)number)];
        byte[] stream =
        [
            .. Frame.Create(FrameType.StandardOutput, data),
            .. Frame.Create(FrameType.Done, []),
            .. Frame.Create(FrameType.StandardError, data.AsSpan(0, 1)),
        ];
        FrameDecoder decoder = new();
        List<(FrameType Type, byte[] Payload)> frames = [];
        foreach (byte[] part in stream.Chunk(chunk))
        {
            ReadOnlySpan<byte> rest = part;
            while (decoder.TryRead(ref rest, out FrameType type, out byte[] payload))
            {
                frames.Add((type, payload));
            }

            Assert.IsTrue(rest.IsEmpty);
        }

        CollectionAssert.AreEqual(
            new[] { FrameType.StandardOutput, FrameType.Done, FrameType.StandardError },
            frames.Select(frame => frame.Type).ToArray()
        );
        CollectionAssert.AreEqual(data, frames[0].Payload);
        Assert.IsEmpty(frames[1].Payload);
        Assert.IsFalse(decoder.IsMidFrame);
    }

    [TestMethod]
    [DataRow(0, (byte)0, DisplayName = "magic")]
    [DataRow(2, (byte)9, DisplayName = "version")]
    [DataRow(3, (byte)200, DisplayName = "type")]
    [DataRow(7, (byte)0x80, DisplayName = "negative length")]
    [DataRow(6, (byte)0x7F, DisplayName = "length over the bound")]
    public void TryRead_BadHeader_IsRefusedBeforeAnythingIsAllocated(int position, byte value)
    {
        byte[] frame = Frame.Create(FrameType.StandardOutput, [1, 2, 3]);
        frame[position] = value;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.ThrowsExactly<ProtocolException>(() => Decode(frame));
        Assert.IsLessThan(100_000, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [TestMethod]
    public void TryRead_EveryType_RefusesOneByteOverItsBound()
    {
        foreach (FrameType type in Enum.GetValues<FrameType>())
        {
            byte[] frame = Frame.Create(type, []);
            BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), Frame.MaxPayload(type) + 1);
            Assert.ThrowsExactly<ProtocolException>(() => Decode(frame), type.ToString());
            Assert.ThrowsExactly<ProtocolException>(() => Frame.Create(type, new byte[Frame.MaxPayload(type) + 1]), type.ToString());
        }
    }

    [TestMethod]
    public void TryRead_RandomBytes_NeverFailsInAnotherWay()
    {
        Random random = new(20261122);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            Frame.Create(FrameType.Usage, []).AsSpan(0, Math.Min(bytes.Length, random.Next(0, 5))).CopyTo(bytes);
            try
            {
                Decode(bytes);
            }
            catch (ProtocolException)
            {
                // The one way to say no.
            }
        }
    }

    private static void Decode(ReadOnlySpan<byte> bytes)
    {
        FrameDecoder decoder = new();
        while (decoder.TryRead(ref bytes, out _, out _)) { }
    }
}
