using System.Net.Security;
using System.Security.Cryptography;
using IsolatedAgents.Egress.FirstBytes;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Reading of a TLS ClientHello, from a real client's bytes.</summary>
[TestClass]
public sealed class ClientHelloTests
{
    /// <summary>What .NET's client sends first.</summary>
    public static byte[] Hello(string name)
    {
        using CapturingStream captured = new();
        using SslStream tls = new(captured);
        Assert
            .ThrowsAsync<IOException>(() =>
                tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = name,
                        ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                    }
                )
            )
            .Wait();
        return captured.Written.ToArray();
    }

    [TestMethod]
    public void Read_RealHello_NamesTheServer() =>
        Assert.AreEqual(new ClientHello(ClientHelloState.Complete, "api.example.com"), ClientHello.Read(Hello("API.example.com")));

    [TestMethod]
    public void Read_HelloWithoutName_IsComplete() =>
        Assert.AreEqual(new ClientHello(ClientHelloState.Complete, null), ClientHello.Read(Hello("")));

    [TestMethod]
    public void Read_EveryPrefix_IsIncomplete()
    {
        byte[] hello = Hello("api.example.com");
        for (int length = 2; length < hello.Length; length++)
        {
            Assert.AreEqual(ClientHelloState.Incomplete, ClientHello.Read(hello.AsSpan(0, length)).State, $"{length} of {hello.Length}");
        }
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(3)]
    [DataRow(100)]
    public void Read_SpreadOverRecords_IsTheSame(int size)
    {
        byte[] hello = Hello("api.example.com");
        List<byte> spread = [];
        foreach (byte[] piece in hello[5..].Chunk(size))
        {
            spread.AddRange([22, 3, 1, (byte)(piece.Length >> 8), (byte)piece.Length, .. piece]);
        }

        for (int length = 5; length < spread.Count; length += 11)
        {
            Assert.AreNotEqual(ClientHelloState.Malformed, ClientHello.Read(spread.Take(length).ToArray()).State);
        }

        Assert.AreEqual("api.example.com", ClientHello.Read([.. spread]).ServerName);
    }

    [TestMethod]
    public void Read_AnyByteChanged_NeverThrowsAndNeverNamesTwo()
    {
        byte[] hello = Hello("api.example.com");
        for (int at = 0; at < hello.Length; at++)
        {
            byte[] changed = [.. hello];
            changed[at] ^= 0xFF;
            ClientHello read = ClientHello.Read(changed);
            Assert.IsTrue(read.ServerName is null || read.State == ClientHelloState.Complete);
        }

        for (int i = 0; i < 20_000; i++)
        {
            byte[] noise = [22, 3, 1, .. RandomNumberGenerator.GetBytes(i % 300)];
            _ = ClientHello.Read(noise);
        }
    }

    [TestMethod]
    public void Read_TwoNames_IsMalformed()
    {
        byte[] name = [0, 0, 0, 8, 0, 6, 0, 0, 3, (byte)'a', (byte)'.', (byte)'b'];
        Assert.AreEqual("a.b", ClientHello.Read(Made(name)).ServerName);
        Assert.AreEqual(ClientHelloState.Malformed, ClientHello.Read(Made([.. name, .. name])).State);
        Assert.AreEqual(
            ClientHelloState.Malformed,
            ClientHello
                .Read(Made([0, 0, 0, 14, 0, 12, 0, 0, 3, (byte)'a', (byte)'.', (byte)'b', 0, 0, 3, (byte)'c', (byte)'.', (byte)'d']))
                .State
        );
    }

    private static byte[] Made(byte[] extensions)
    {
        byte[] body =
        [
            3,
            3,
            .. new byte[32],
            0,
            0,
            2,
            0x13,
            1,
            1,
            0,
            (byte)(extensions.Length >> 8),
            (byte)extensions.Length,
            .. extensions,
        ];
        byte[] message = [1, 0, (byte)(body.Length >> 8), (byte)body.Length, .. body];
        return [22, 3, 1, (byte)(message.Length >> 8), (byte)message.Length, .. message];
    }

    private sealed class CapturingStream : MemoryStream
    {
        public List<byte> Written { get; } = [];

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(0);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // The first record alone: what comes then is an alert.
            if (Written.Count == 0)
            {
                Written.AddRange(buffer.ToArray());
            }

            return ValueTask.CompletedTask;
        }
    }
}
