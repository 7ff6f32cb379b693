using System.Buffers.Binary;
using System.Net;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Answers lookups where the agent's programs send them, by datagram and by stream. No question ever leaves the sandbox.</summary>
internal sealed class NameServer(EgressLoop loop, NameAuthority authority)
{
    public const int Port = 53;

    // Questions are short; what is longer is cut by the kernel, and then no question.
    private const int MaxQuery = 1024;
    private const int MaxConnections = 64;

    private int _connections;

    /// <summary>Begins to answer at an address.</summary>
    /// <exception cref="SetupException">It cannot.</exception>
    public void Listen(IPAddress address)
    {
        int error = Bind(address);
        if (error != 0)
        {
            throw new SetupException(
                SetupFailureKind.Isolation,
                "name lookups",
                $"{address}:{Port} cannot be listened on: {KernelException.ErrorName(error)}"
            );
        }
    }

    /// <summary>Begins to answer at an address that not every sandbox has: without it, programs ask at another.</summary>
    public void TryListen(IPAddress address) => Bind(address);

    // The error; 0 where both are listened on.
    private int Bind(IPAddress address)
    {
        int datagrams = EgressSocket.Bind(address, Port, SocketDatagram);
        int streams = EgressSocket.Bind(address, Port, SocketStream);
        if (datagrams >= 0 && streams >= 0)
        {
            loop.Add(new DatagramSource(datagrams, authority), EpollIn);
            loop.Add(new StreamSource(streams, this), EpollIn);
            return 0;
        }

        foreach (int bound in (ReadOnlySpan<int>)[datagrams, streams])
        {
            if (bound >= 0)
            {
                LibC.close(bound);
            }
        }

        return -Math.Min(datagrams, streams);
    }

    private sealed unsafe class DatagramSource(int fd, NameAuthority authority) : EgressSource(fd)
    {
        private readonly byte[] _query = new byte[MaxQuery];
        private readonly byte[] _response = new byte[DnsMessage.MaxResponse];

        public override void OnReady(uint events)
        {
            byte* sender = stackalloc byte[EgressSocket.MaxAddress];
            int senderLength = EgressSocket.MaxAddress;
            fixed (byte* query = _query)
            fixed (byte* response = _response)
            {
                nint count = LibC.recvfrom(Fd, query, MaxQuery, 0, sender, &senderLength);
                if (count < 0)
                {
                    return;
                }

                int port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(sender + EgressSocket.PortOffset, sizeof(ushort)));
                int length = DnsMessage.Respond(_query.AsSpan(0, (int)count), _response, question =>
                    authority.Answer(question, isTcp: false, port)
                );
                if (length > 0)
                {
                    _ = LibC.sendto(Fd, response, (nuint)length, MessageNoSignal, sender, senderLength);
                }
            }
        }
    }

    private sealed unsafe class StreamSource(int fd, NameServer server) : EgressSource(fd)
    {
        public override void OnReady(uint events)
        {
            byte* sender = stackalloc byte[EgressSocket.MaxAddress];
            int senderLength = EgressSocket.MaxAddress;
            int connection = LibC.accept4(Fd, sender, &senderLength, OpenNonBlocking | OpenCloseOnExec);
            if (connection < 0)
            {
                return;
            }

            if (server._connections == MaxConnections)
            {
                EgressSocket.Reset(connection);
                return;
            }

            server._connections++;
            server.Loop.Add(
                new ConnectionSource(
                    connection,
                    server,
                    BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(sender + EgressSocket.PortOffset, sizeof(ushort)))
                ),
                EpollIn
            );
        }
    }

    private EgressLoop Loop => loop;

    private NameAuthority Authority => authority;

    // RFC 7766: each message behind its length, any number of them.
    private sealed class ConnectionSource(int fd, NameServer server, int port) : EgressSource(fd)
    {
        private readonly byte[] _received = new byte[sizeof(ushort) + MaxQuery];
        private readonly byte[] _response = new byte[sizeof(ushort) + DnsMessage.MaxResponse];
        private int _filled;

        public override void OnReady(uint events)
        {
            int count = Descriptor.Read(Fd, _received.AsSpan(_filled));
            if (count == -TryAgain)
            {
                return;
            }

            _filled += Math.Max(count, 0);
            if (count <= 0 || !AnswerAll())
            {
                server._connections--;
                server.Loop.Close(this);
            }
        }

        // False where the connection is of no more use.
        private bool AnswerAll()
        {
            while (_filled >= sizeof(ushort))
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(_received);
                if (length > MaxQuery)
                {
                    return false;
                }

                int end = sizeof(ushort) + length;
                if (_filled < end)
                {
                    return true;
                }

                int answered = DnsMessage.Respond(_received.AsSpan(sizeof(ushort), length), _response.AsSpan(sizeof(ushort)), question =>
                    server.Authority.Answer(question, isTcp: true, port)
                );
                BinaryPrimitives.WriteUInt16BigEndian(_response, (ushort)answered);
                // Who does not read its answers needs none.
                if (answered > 0 && Descriptor.Write(Fd, _response.AsSpan(0, sizeof(ushort) + answered)) < sizeof(ushort) + answered)
                {
                    return false;
                }

                _received.AsSpan(end, _filled - end).CopyTo(_received);
                _filled -= end;
            }

            return true;
        }
    }
}
