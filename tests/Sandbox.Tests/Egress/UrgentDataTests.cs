using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>What either end sends as urgent (MSG_OOB), the other gets as urgent, at its place in the stream, on every route.</summary>
[TestClass]
public sealed class UrgentDataTests(TestContext context)
{
    private const int Minute = 60_000;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task UrgentBytes_ComeOutOfTheStream()
    {
        using HostServer server = new(
            async (socket, _) =>
            {
                string text = await ReadUntilAsync(socket, "ab");
                byte[] one = new byte[1];
                bool isUrgent =
                    socket.Poll(TimeSpan.FromSeconds(20), SelectMode.SelectError) && socket.Receive(one, SocketFlags.OutOfBand) == 1;
                await socket.SendAsync("ok\n"u8.ToArray());
                text += await ReadUntilAsync(socket, "cd");
                await socket.SendAsync(Encoding.ASCII.GetBytes($"{text} {(isUrgent ? (char)one[0] : '-')} "));
                await socket.SendAsync("?"u8.ToArray(), SocketFlags.OutOfBand);
                await socket.SendAsync("end\n"u8.ToArray());
                await socket.ReceiveAsync(new byte[1]);
            }
        );
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            $$"""
            import select, socket
            u = socket.create_connection(('echo.test', {{server.Port}}), 10)
            u.sendall(b'\x01first|'); u.sendall(b'ab'); u.send(b'!', socket.MSG_OOB)
            print(u.recv(3).decode().strip()); u.sendall(b'cd')
            got = b''; urgent = 'none'
            p = select.poll(); p.register(u, select.POLLIN | select.POLLPRI)
            while not got.endswith(b'end\n'):
                event = p.poll(10000)[0][1]
                if event & select.POLLPRI and urgent == 'none': urgent = u.recv(1, socket.MSG_OOB).decode()
                else: got += u.recv(100)
            print('x', got.decode().split('|')[1].strip(), urgent)
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("x abcd ! end ?", host.Lines[^1], string.Join('\n', host.Lines));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task UrgentMark_KeepsItsPlaceBetweenOtherBytes()
    {
        const int Before = 30_000;
        const int After = 300_000;
        using HostServer server = new(
            async (socket, _) =>
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.OutOfBandInline, true);
                (int mark, string sum) = await ReadMarkedAsync(socket, Before + 2 + After);
                await socket.SendAsync(Encoding.ASCII.GetBytes($"{mark} {sum[1..]}\n"));
                await socket.ReceiveAsync(new byte[1]);
                await SendAllAsync(socket, new string('c', Before), SocketFlags.None);
                await SendAllAsync(socket, "?", SocketFlags.OutOfBand);
                await SendAllAsync(socket, new string('d', After), SocketFlags.None);
                await socket.ReceiveAsync(new byte[1]);
            }
        );
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            [$"echo.test:{server.Port}"],
            $$"""
            import fcntl, socket, struct
            u = socket.create_connection(('echo.test', {{server.Port}}), 20); u.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
            u.sendall(b'\x01'); u.sendall(b'a' * {{Before}}); u.send(b'!', socket.MSG_OOB); u.sendall(b'b' * {{After}})
            line = b''
            while not line.endswith(b'\n'): line += u.recv(1)
            print(line.decode().strip()); u.sendall(b'.')
            count = 0; mark = -1; kinds = ''
            while count < {{Before + 1 + After}}:
                u.recv(1, socket.MSG_PEEK)
                if struct.unpack('i', fcntl.ioctl(u, 0x8905, b'\0' * 4))[0] and mark < 0: mark = count
                data = u.recv(1000); count += len(data)
                for kind in data.decode():
                    if kinds[-1:] != kind: kinds += kind
            print(mark, kinds)
            """,
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        CollectionAssert.AreEqual(new[] { $"{Before + 1} a!b", $"{Before} c?d" }, host.Lines.ToArray(), string.Join('\n', host.Lines));
    }

    // Where the mark stood, and what came, each run of the same byte as one.
    private static async Task<(int Mark, string Kinds)> ReadMarkedAsync(Socket socket, int length)
    {
        byte[] buffer = new byte[1000];
        byte[] isAtMark = new byte[sizeof(int)];
        int mark = -1;
        StringBuilder kinds = new();
        for (int count = 0; count < length; )
        {
            await socket.ReceiveAsync(Memory<byte>.Empty);
            socket.IOControl(IOControlCode.OobDataRead, null, isAtMark);
            mark = mark < 0 && isAtMark.Any(part => part != 0) ? count : mark;
            int read = await socket.ReceiveAsync(buffer);
            if (read == 0)
            {
                break;
            }

            count += read;
            foreach (byte one in buffer.AsSpan(0, read))
            {
                if (kinds.Length == 0 || kinds[^1] != (char)one)
                {
                    kinds.Append((char)one);
                }
            }
        }

        return (mark, kinds.ToString());
    }

    private static async Task SendAllAsync(Socket socket, string text, SocketFlags flags)
    {
        ReadOnlyMemory<byte> rest = Encoding.ASCII.GetBytes(text);
        while (!rest.IsEmpty)
        {
            rest = rest[await socket.SendAsync(rest, flags)..];
        }
    }

    private static async Task<string> ReadUntilAsync(Socket socket, string end)
    {
        byte[] buffer = new byte[100];
        string text = "";
        while (!text.Contains(end, StringComparison.Ordinal) && await socket.ReceiveAsync(buffer) is var count and > 0)
        {
            text += Encoding.ASCII.GetString(buffer, 0, count);
        }

        return text;
    }
}
