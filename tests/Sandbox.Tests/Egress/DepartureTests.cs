using System.Net.Security;
using IsolatedAgents.Events;
using IsolatedAgents.Runs;
using static IsolatedAgents.Sandbox.Tests.Setup.Verdicts;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>
/// An agent that leaves an inspected exchange is noticed while the server is silent; one that only says no more is not taken for it.
/// </summary>
[TestClass]
public sealed class DepartureTests(TestContext context)
{
    private const int Minute = 60_000;

    // What a client does with its connection once the answer has begun, or where nothing comes.
    private const string Clients = """
        import os, signal, socket, ssl, subprocess, sys
        port, control, way, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
        def ask():
            # What TLS 1.3 sends behind the handshake would lie unread, and a connection that is closed then is reset: the request might not arrive.
            context = ssl.create_default_context()
            if not path.endswith('begun'): context.maximum_version = ssl.TLSVersion.TLSv1_2
            s = context.wrap_socket(socket.create_connection(('api.test', port), 30), server_hostname='api.test')
            s.sendall(f'GET {path} HTTP/1.1\r\nHost: api.test:{port}\r\n\r\n'.encode())
            got = b''
            while path.endswith('begun') and b'data: first' not in got: got += s.recv(1000)
            return s
        def child(half):
            r, w = os.pipe()
            process = os.fork()
            if process == 0:
                s = ask()
                if half: socket.socket.shutdown(s, socket.SHUT_WR)
                os.write(w, b'.'); signal.pause()
            os.read(r, 1); os.kill(process, signal.SIGKILL); os.waitpid(process, 0)
        if way == 'close': ask().close()
        elif way == 'unwrap':
            s = ask(); s.settimeout(0.1)
            try: s.unwrap()
            except OSError: pass
            s.close()
        elif way == 'reset':
            s = ask(); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0'); s.close()
        elif way == 'die': child(False)
        elif way == 'half-close, then die': child(True)
        elif way == 'curl2':
            curl = subprocess.Popen(['curl', '-sSN', '--http2', f'https://api.test:{port}{path}'], stdout=subprocess.PIPE)
            while b'data: first' not in curl.stdout.readline(): pass
            curl.kill(); curl.wait()
        print(socket.create_connection(('control.test', control), 30).makefile().readline().strip())
        """;

    private CancellationToken Token => context.CancellationToken;

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("close", "/allowed/begun")]
    [DataRow("close", "/allowed/unanswered")]
    [DataRow("unwrap", "/allowed/begun")]
    [DataRow("reset", "/allowed/begun")]
    [DataRow("die", "/allowed/begun")]
    [DataRow("die", "/allowed/unanswered")]
    [DataRow("half-close, then die", "/allowed/begun")]
    [DataRow("curl2", "/allowed/begun")]
    public async Task AgentThatLeaves_EndsTheRequestAtTheSilentServer(string way, string path)
    {
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using InspectedServer server = new(async tls =>
        {
            await BeginAsync(tls, path);
            await WhenEndedAsync(tls);
            left.TrySetResult();
        });
        // The agent, and with it everything, ends only after the server has noticed.
        using HostServer control = new(
            async (socket, _) =>
            {
                await left.Task.WaitAsync(Token);
                await socket.SendAsync("noticed\n"u8.ToArray());
            }
        );
        using EgressHost host = new();
        await File.WriteAllTextAsync(Path.Combine(host.Sandbox.Workspace, "agent.py"), Clients, Token);
        string command = $"python3 /workspace/agent.py {server.Port} {control.Port} '{way}' {path}";
        string image = way == "curl2" ? SandboxHost.ClientsImage : SandboxHost.PythonImage;
        AgentRunResult result = await host.RunAsync(server.Request(host, command, image, "", $"control.test:{control.Port}"), Token);
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("noticed", host.Lines[^1], string.Join('\n', host.Lines));
        NetworkClosed closed = host.Sandbox.Events.OfType<NetworkClosed>().Single(closed => closed.Host == InspectedServer.Name);
        Assert.IsGreaterThan(0, closed.Sent);
        Assert.IsNotNull(closed.Error);
        Assert.IsLessThan(TimeSpan.FromSeconds(30), closed.Duration);
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    [DataRow("/allowed/begun")]
    [DataRow("/allowed/unanswered")]
    public async Task AgentThatSaysNoMore_StillGetsTheAnswer(string path)
    {
        using InspectedServer server = new(async tls =>
        {
            await BeginAsync(tls, path);
            // Longer than it would take to be noticed.
            Task ended = WhenEndedAsync(tls);
            if (await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(4))) != ended)
            {
                string head = path.EndsWith("begun", StringComparison.Ordinal) ? "" : "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n";
                await InspectedServer.SendAsync(tls, $"{head}data: last!\n\n");
                await ended;
            }
        });
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            server.ScriptRequest(
                host,
                $$"""
                import socket, ssl
                s = ssl.create_default_context().wrap_socket(socket.create_connection(('api.test', {{server.Port}}), 30), server_hostname='api.test')
                s.sendall(b'GET {{path}} HTTP/1.1\r\nHost: api.test:{{server.Port}}\r\n\r\n')
                socket.socket.shutdown(s, socket.SHUT_WR)
                got = b''
                while data := s.recv(1000): got += data
                print('last!' if b'data: last!' in got else got)
                """,
                ""
            ),
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("last!", host.Lines[^1], string.Join('\n', host.Lines));
    }

    [TestMethod]
    [Timeout(2 * Minute, CooperativeCancellation = true)]
    public async Task AgentThatLeavesRightAfterItsRequest_IsHeardByTheServer()
    {
        const int Length = 300_000;
        TaskCompletionSource<int> received = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using InspectedServer server = new(async tls =>
        {
            await InspectedServer.ReadHeadAsync(tls);
            byte[] body = new byte[Length];
            received.TrySetResult(await tls.ReadAtLeastAsync(body, Length, throwOnEndOfStream: false));
        });
        using HostServer control = new(
            async (socket, _) =>
            {
                await received.Task.WaitAsync(Token);
                await socket.SendAsync("heard\n"u8.ToArray());
            }
        );
        using EgressHost host = new();
        AgentRunResult result = await host.RunAsync(
            server.ScriptRequest(
                host,
                $$"""
                import socket, ssl
                # TLS 1.3 would send something that lies unread, and take the rest back.
                context = ssl.create_default_context(); context.maximum_version = ssl.TLSVersion.TLSv1_2
                s = context.wrap_socket(socket.create_connection(('api.test', {{server.Port}}), 30), server_hostname='api.test')
                s.sendall(b'POST /allowed HTTP/1.1\r\nHost: api.test:{{server.Port}}\r\nContent-Length: {{Length}}\r\n\r\n' + b'x' * {{Length}}); s.close()
                print(socket.create_connection(('control.test', {{control.Port}}), 30).makefile().readline().strip())
                """,
                "",
                $"control.test:{control.Port}"
            ),
            Token
        );
        AssertVerdict(Verdict.Passed, 0, result);
        Assert.AreEqual("heard", host.Lines[^1], string.Join('\n', host.Lines));
        Assert.AreEqual(Length, await received.Task);
    }

    // An event stream that has begun, or nothing yet.
    private static async Task BeginAsync(SslStream tls, string path)
    {
        string head = await InspectedServer.ReadHeadAsync(tls);
        Assert.StartsWith($"GET {path} ", head);
        if (path.EndsWith("begun", StringComparison.Ordinal))
        {
            await InspectedServer.SendAsync(
                tls,
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 26\r\n\r\ndata: first\n\n"
            );
        }
    }

    private static async Task WhenEndedAsync(SslStream tls)
    {
        try
        {
            while (await tls.ReadAsync(new byte[100]) > 0) { }
        }
        catch (IOException)
        {
            // Ended uncleanly.
        }
    }
}
