using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// What a program inside of a sandbox gets of the network, by its own clock: the same program in a sandbox of ours, and in a container of
/// the engine's on the host's network, which reaches the same server through another proxy (CONNECT). The server is a process of its own.
/// </summary>
internal sealed class SandboxClient : IMeasure
{
    private const int FirstBytes = 1000;

    private readonly Bench _bench;
    private readonly ProxyProcess _server;
    private readonly string _arguments;
    private readonly int _result;
    private readonly Dictionary<string, List<double[]>> _said = [];
    private ProxyProcess? _squid;
    private ProxyProcess? _tinyproxy;

    /// <param name="name">Of the measure.</param>
    /// <param name="arguments">What the program is to do: how many connections at once, the bytes of each, and how often.</param>
    /// <param name="result">
    /// Which of the numbers that it says counts: 0 for all its time, 1 for the median of its connections, 2 for what one in a hundred of
    /// them takes at least.
    /// </param>
    /// <param name="squidGoal">Ours over squid's.</param>
    /// <param name="tinyproxyGoal">Ours over tinyproxy's; null where it is not asked.</param>
    private SandboxClient(string name, string arguments, int result, double squidGoal, double? tinyproxyGoal = null)
    {
        Name = name;
        _arguments = arguments;
        _result = result;
        IPAddress address = OwnAddress();
        _server = ProxyProcess.ByteServer(address);
        _bench = new Bench($$""", "network": { "allowed_endpoints": ["{{address}}:{{_server.Port}}"] }""", DockerClient.PythonImage);
        Peers =
        [
            new Peer("squid (CONNECT)", squidGoal, token => RunThroughAsync("squid", _squid!, token)),
            .. tinyproxyGoal is { } goal
                ? [new Peer("tinyproxy (CONNECT)", goal, token => RunThroughAsync("tinyproxy", _tinyproxy!, token))]
                : Array.Empty<Peer>(),
        ];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    private bool IsFirstByte => _result > 0;

    /// <summary>From the call to connect to the first byte of the answer: the median of a run's connections.</summary>
    public static SandboxClient FirstByte() => new("first-byte", $"1 1 {FirstBytes}", result: 1, squidGoal: 1.0);

    /// <summary>The same at the 99th percentile of a run's connections.</summary>
    public static SandboxClient FirstByteTail() => new("first-byte-p99", $"1 1 {FirstBytes}", result: 2, squidGoal: 1.0);

    /// <summary>1 GiB over one connection.</summary>
    public static SandboxClient FetchOne() => new("fetch-1", $"1 {1L << 30} 1", result: 0, squidGoal: 1.0, tinyproxyGoal: 0.5);

    /// <summary>1 GiB over eight connections at once.</summary>
    public static SandboxClient FetchEight() => new("fetch-8", $"8 {1L << 27} 1", result: 0, squidGoal: 1.0, tinyproxyGoal: 0.5);

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists("/usr/sbin/squid") || !File.Exists("/usr/bin/tinyproxy"))
        {
            return "squid and tinyproxy are not installed";
        }

        await File.WriteAllTextAsync(
            Path.Combine(_bench.Workspace, "job.py"),
            $$"""
            import socket, sys, threading, time
            proxy, at_once, size, rounds = map(int, sys.argv[1:])
            server = ('{{_server.Address}}', {{_server.Port}})
            times = []
            def fetch():
                began = time.perf_counter_ns()
                s = socket.create_connection(('127.0.0.1', proxy) if proxy else server)
                if proxy:
                    s.sendall(b'CONNECT %s:%d HTTP/1.1\r\n\r\n' % (server[0].encode(), server[1]))
                    head = b''
                    while not head.endswith(b'\r\n\r\n'): head += s.recv(4096)
                s.sendall(b'%d\n' % size)
                got = len(s.recv(1 << 18))
                times.append((time.perf_counter_ns() - began) / 1000)
                while got < size:
                    more = len(s.recv(1 << 18)); got += more
                    if not more: sys.exit(1)
                s.close()
            began = time.perf_counter_ns()
            for i in range(rounds):
                others = [threading.Thread(target=fetch) for i in range(at_once - 1)]
                for other in others: other.start()
                fetch()
                for other in others: other.join()
            whole = (time.perf_counter_ns() - began) / 1000
            if len(times) != rounds * at_once: sys.exit(1)
            times.sort()
            print(whole, times[len(times) // 2], times[len(times) * 99 // 100])
            """,
            cancellationToken
        );
        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        _squid = ProxyProcess.Squid();
        _tinyproxy = ProxyProcess.Tinyproxy();
        await _squid.ReadyAsync(cancellationToken);
        await _tinyproxy.ReadyAsync(cancellationToken);
        await _server.ReadyAsync(cancellationToken);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken) =>
        Take(
            "ours",
            (await _bench.RunAsync($"python3 /workspace/job.py 0 {_arguments}", collect: false, telemetryFile: false, cancellationToken))
                .Log
                .LastLine
        );

    public IEnumerable<string> Notes() =>
        _said
            .Where(_ => IsFirstByte)
            .Select(pair =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"    {pair.Key}: p50 {Range(pair.Value.Select(run => run[1]))}, p99 {Range(pair.Value.Select(run => run[2]))}, of {pair.Value.Count} runs with {FirstBytes} connections"
                )
            );

    public async ValueTask DisposeAsync()
    {
        _bench.Dispose();
        foreach (ProxyProcess? process in (ProxyProcess?[])[_server, _squid, _tinyproxy])
        {
            await (process?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    private async Task<TimeSpan> RunThroughAsync(string who, ProxyProcess proxy, CancellationToken cancellationToken)
    {
        string[] command =
        [
            .. DockerClient.RunImageOn("host", DockerClient.PythonImage, "--volume", $"{_bench.Workspace}:/workspace:ro"),
            "python3",
            "/workspace/job.py",
            proxy.Port.ToString(CultureInfo.InvariantCulture),
            .. _arguments.Split(' '),
        ];
        return Take(who, await ExternalProgram.ReadAsync(cancellationToken, command));
    }

    private TimeSpan Take(string who, string said)
    {
        double[] times = [.. said.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        if (!_said.TryAdd(who, []))
        {
            // Not the warm-up's.
            _said[who].Add(times);
        }

        return TimeSpan.FromMicroseconds(times[_result]);
    }

    private static string Range(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return string.Create(CultureInfo.InvariantCulture, $"{Statistics.Median(all):0} us ({all.Min():0}..{all.Max():0})");
    }

    // One that is not the sandbox's own, as a server elsewhere has.
    private static IPAddress OwnAddress() =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(network =>
                network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback
            )
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .First(address => address.AddressFamily == AddressFamily.InterNetwork);
}
