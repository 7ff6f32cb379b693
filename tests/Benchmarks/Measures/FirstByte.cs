using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// What a program waits for from its call to connect up to the first byte of the answer: the same program, in a sandbox of ours and in a container of the engine's on the host's
/// network, which reaches the same server through another proxy. By the program's own clock; the server is a process of its own.
/// </summary>
internal sealed class FirstByte : IMeasure
{
    private const int Connections = 1000;

    private readonly Bench _bench;
    private readonly ProxyProcess _origin;
    private readonly bool _isTail;
    private readonly Dictionary<string, List<(double Median, double Tail)>> _latencies = [];
    private ProxyProcess? _squid;

    private FirstByte(string name, bool isTail)
    {
        Name = name;
        _isTail = isTail;
        IPAddress address = OwnAddress();
        _origin = ProxyProcess.OneByteServer(address);
        _bench = new Bench($$""", "network": { "allowed_endpoints": ["{{address}}:{{_origin.Port}}"] }""", DockerClient.PythonImage);
        Peers = [new Peer("squid (CONNECT)", 1.0, ThroughSquidAsync)];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    /// <summary>The median of a run's connections.</summary>
    public static FirstByte Median() => new("first-byte", isTail: false);

    /// <summary>What one in a hundred connections of a run takes, or longer.</summary>
    public static FirstByte Tail() => new("first-byte-p99", isTail: true);

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists("/usr/sbin/squid"))
        {
            return "squid is not installed";
        }

        await File.WriteAllTextAsync(
            Path.Combine(_bench.Workspace, "job.py"),
            $$"""
            import socket, sys, time
            proxy = int(sys.argv[1])
            origin = ('{{_origin.Address}}', {{_origin.Port}})
            def connect():
                s = socket.create_connection(('127.0.0.1', proxy) if proxy else origin)
                if proxy:
                    s.sendall(b'CONNECT %s:%d HTTP/1.1\r\n\r\n' % (origin[0].encode(), origin[1]))
                    head = b''
                    while not head.endswith(b'\r\n\r\n'): head += s.recv(4096)
                s.sendall(b'1')
                return s
            times = []
            for i in range({{Connections}}):
                began = time.perf_counter_ns(); s = connect(); got = s.recv(1); times.append((time.perf_counter_ns() - began) / 1000); s.close()
                if got != b'1': sys.exit(1)
            times.sort()
            print(times[len(times) // 2], times[len(times) * 99 // 100])
            """,
            cancellationToken);
        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        _squid = ProxyProcess.Squid();
        await _squid.ReadyAsync(cancellationToken);
        await _origin.ReadyAsync(cancellationToken);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken) =>
        Take("ours", (await _bench.RunAsync("python3 /workspace/job.py 0", collect: false, telemetryFile: false, cancellationToken)).Log.LastLine);

    public IEnumerable<string> Notes() => _latencies.Select(pair => string.Create(
        CultureInfo.InvariantCulture,
        $"    {pair.Key}: p50 {Range(pair.Value.Select(run => run.Median))}, p99 {Range(pair.Value.Select(run => run.Tail))}, of {pair.Value.Count} runs with {Connections} connections"));

    public async ValueTask DisposeAsync()
    {
        _bench.Dispose();
        await _origin.DisposeAsync();
        await (_squid?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    private async Task<TimeSpan> ThroughSquidAsync(CancellationToken cancellationToken)
    {
        string[] command =
        [
            .. DockerClient.RunImageOn("host", DockerClient.PythonImage, "--volume", $"{_bench.Workspace}:/workspace:ro"),
            "python3", "/workspace/job.py", _squid!.Port.ToString(CultureInfo.InvariantCulture),
        ];
        return Take("squid", await ExternalProgram.ReadAsync(cancellationToken, command));
    }

    private TimeSpan Take(string who, string said)
    {
        double[] times = [.. said.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        if (!_latencies.TryAdd(who, []))
        {
            // Not the warm-up's.
            _latencies[who].Add((times[0], times[1]));
        }

        return TimeSpan.FromMicroseconds(times[_isTail ? 1 : 0]);
    }

    private static string Range(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return string.Create(CultureInfo.InvariantCulture, $"{Statistics.Median(all):0} us ({all.Min():0}..{all.Max():0})");
    }

    // One that is not the sandbox's own, as a server elsewhere has.
    private static IPAddress OwnAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(network => network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
        .SelectMany(network => network.GetIPProperties().UnicastAddresses)
        .Select(unicast => unicast.Address)
        .First(address => address.AddressFamily == AddressFamily.InterNetwork);
}
