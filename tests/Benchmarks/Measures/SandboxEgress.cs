using System.Globalization;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>What an agent in a real sandbox waits for on its way out, by its own clock.</summary>
internal sealed class SandboxEgress : IMeasure
{
    private const int Connections = 500;
    private const long Bytes = 128L << 20;

    private readonly TcpListener _origin = new(IPAddress.Loopback, 0);
    private readonly Bench _bench;
    private readonly string _ours;
    private readonly TransportKind _transport;
    private readonly Dictionary<string, List<(double Median, double Tail)>> _latencies = [];

    private SandboxEgress(string name, string ours, TransportKind transport, string peer, string theirs, double goal)
    {
        Name = name;
        _ours = ours;
        _transport = transport;
        _origin.Start(1024);
        _bench = new Bench(
            $$""", "fail_on": ["timeout", "exit_code"], "network": { "allowed_endpoints": ["127.0.0.1:{{((IPEndPoint)_origin.LocalEndpoint).Port}}"] }""",
            DockerClient.PythonImage
        );
        Peers = [new Peer(peer, goal, token => RunAsync(theirs, TransportKind.Socket, token))];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    /// <summary>Connections that are refused, beside ones that are allowed, up to their first byte.</summary>
    public static SandboxEgress Refusal() => new("egress-refusal", "refuse", TransportKind.Socket, "an allowed connection", "connect", 0.5);

    /// <summary>
    /// Bytes over attached streams, where the engine copies each, beside connections that are handed over. No goal: it says what the route
    /// costs.
    /// </summary>
    public static SandboxEgress Attached() => new("egress-attached", "fetch", TransportKind.Attach, "over the socket", "fetch", 100);

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        new Thread(Serve) { IsBackground = true, Name = "origin" }.Start();
        await File.WriteAllTextAsync(
            Path.Combine(_bench.Workspace, "job.py"),
            $$"""
            import socket, sys, time
            allowed = ('127.0.0.1', {{((IPEndPoint)_origin.LocalEndpoint).Port}})
            def connect():
                s = socket.create_connection(allowed); s.sendall(b'1'); s.recv(1); s.close()
            def refuse():
                try: socket.create_connection(('1.1.1.1', 443)); sys.exit(1)
                except ConnectionRefusedError: pass
            def fetch():
                s = socket.create_connection(allowed); s.sendall(b'A'); got = 0
                while got < {{Bytes}}: got += len(s.recv(1 << 18))
            what = {'connect': connect, 'refuse': refuse, 'fetch': fetch}[sys.argv[1]]
            connect()
            times = []
            for i in range(1 if what is fetch else {{Connections}}):
                began = time.perf_counter_ns(); what(); times.append((time.perf_counter_ns() - began) // 1000)
            times.sort()
            print(sum(times), times[len(times) // 2], times[len(times) * 99 // 100])
            """,
            cancellationToken
        );
        return await DockerClient.MissingAsync(cancellationToken);
    }

    public Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken) => RunAsync(_ours, _transport, cancellationToken);

    public IEnumerable<string> Notes() =>
        _latencies
            .Where(pair => pair.Key != "fetch")
            .Select(pair =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"    {pair.Key}: p50 {Statistics.Median(pair.Value.Select(run => run.Median)):0} us, p99 {Statistics.Median(pair.Value.Select(run => run.Tail)):0} us, medians of {pair.Value.Count} runs with {Connections}"
                )
            );

    public ValueTask DisposeAsync()
    {
        _origin.Dispose();
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<TimeSpan> RunAsync(string what, TransportKind transport, CancellationToken cancellationToken)
    {
        TimedRun run = await _bench.RunAsync(
            $"python3 /workspace/job.py {what}",
            collect: false,
            telemetryFile: false,
            cancellationToken,
            transport
        );
        double[] times = [.. run.Log.LastLine.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        if (_latencies.TryGetValue(what, out List<(double, double)>? known))
        {
            known.Add((times[1], times[2]));
        }

        // Not the warm-up's.
        _latencies.TryAdd(what, []);
        return TimeSpan.FromMicroseconds(times[0]);
    }

    private void Serve()
    {
        // One for all, and one connection after the other: threads and garbage would show in the times, as this is the broker's process
        // too.
        byte[] block = new byte[256 * 1024];
        try
        {
            while (true)
            {
                Serve(_origin.AcceptSocket(), block);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The measure is over.
        }
    }

    private static void Serve(Socket socket, byte[] block)
    {
        using (socket)
        {
            try
            {
                long left = socket.Receive(block, 1, SocketFlags.None) == 1 && block[0] == (byte)'A' ? Bytes : 1;
                while (left > 0)
                {
                    left -= socket.Send(block, (int)Math.Min(block.Length, left), SocketFlags.None);
                }
            }
            catch (SocketException)
            {
                // The agent has left.
            }
        }
    }
}
