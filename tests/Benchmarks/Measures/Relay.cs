using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Egress;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// What the way out carries, and how soon: the same client and server, joined by the broker or by another proxy (CONNECT).
/// </summary>
internal sealed class Relay : IMeasure, IEgressSink
{
    private readonly int _connections;
    private readonly long _bytes;
    private readonly bool _isParallel;
    private readonly TcpListener _origin = new(IPAddress.Loopback, 0);
    private readonly TcpListener _sandbox = new(IPAddress.Loopback, 0);
    private readonly Dictionary<string, List<double>> _latencies = [];
    private EgressBroker? _broker;
    private ProxyProcess? _tinyproxy;
    private ProxyProcess? _squid;

    private Relay(string name, int connections, long bytes, bool isParallel, double tinyproxyGoal, double squidGoal)
    {
        Name = name;
        _connections = connections;
        _bytes = bytes;
        _isParallel = isParallel;
        Peers =
        [
            new Peer("tinyproxy (CONNECT)", tinyproxyGoal, token => RunAsync("tinyproxy", _tinyproxy!.Port, isProxy: true, token)),
            new Peer("squid (CONNECT)", squidGoal, token => RunAsync("squid", _squid!.Port, isProxy: true, token)),
        ];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    private int OriginPort => ((IPEndPoint)_origin.LocalEndpoint).Port;

    /// <summary>1 GiB over one connection.</summary>
    public static Relay One() => new("relay-1", 1, 1L << 30, isParallel: true, tinyproxyGoal: 0.5, squidGoal: 1.0);

    /// <summary>1 GiB over eight connections at once.</summary>
    public static Relay Eight() => new("relay-8", 8, 1L << 27, isParallel: true, tinyproxyGoal: 0.5, squidGoal: 1.0);

    /// <summary>Fresh connections, one after the other, each up to its first byte.</summary>
    public static Relay Connect() => new("egress-connect", 500, 1, isParallel: false, tinyproxyGoal: 1.05, squidGoal: 0.85);

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists("/usr/sbin/squid") || !File.Exists("/usr/bin/tinyproxy"))
        {
            return "squid and tinyproxy are not installed";
        }

        _origin.Start(1024);
        _sandbox.Start(1024);
        new Thread(ServeOrigin) { IsBackground = true, Name = "origin" }.Start();
        Policy policy = Policy.Default with
        {
            Network = new NetworkPolicy { AllowedEndpoints = [$"origin.test:{OriginPort}", "127.0.0.1"] },
        };
        _broker = new EgressBroker(
            policy,
            this,
            FrozenDictionary<string, string>.Empty,
            new EgressOptions
            {
                Loop = ReadinessLoop.OfProcess,
                Resolver = static (_, _) => ValueTask.FromResult<IPAddress[]>([IPAddress.Loopback]),
            }
        );
        EgressTarget target = new("origin.test", OriginPort);
        _ = AcceptAsync(_sandbox, socket =>
            _broker.HandleAsync(new SocketDuplexStream(socket, ReadinessLoop.OfProcess), target, CancellationToken.None)
        );
        _tinyproxy = ProxyProcess.Tinyproxy();
        _squid = ProxyProcess.Squid();
        await _tinyproxy.ReadyAsync(cancellationToken);
        await _squid.ReadyAsync(cancellationToken);
        return null;
    }

    public Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken) =>
        RunAsync("ours", ((IPEndPoint)_sandbox.LocalEndpoint).Port, isProxy: false, cancellationToken);

    public IEnumerable<string> Notes() =>
        _isParallel
            ? []
            : _latencies.Select(pair =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"    {pair.Key}: connection to first byte p50 {Percentile(pair.Value, 0.5):0} us, p99 {Percentile(pair.Value, 0.99):0} us, of {pair.Value.Count}"
                )
            );

    public async ValueTask DisposeAsync()
    {
        _origin.Dispose();
        _sandbox.Dispose();
        foreach (IAsyncDisposable? part in (IAsyncDisposable?[])[_broker, _tinyproxy, _squid])
        {
            await (part?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    ValueTask IEgressSink.AllowedAsync(EgressRequest request) => ValueTask.CompletedTask;

    ValueTask IEgressSink.BlockedAsync(EgressTarget target, string reason, string rule) => throw new InvalidOperationException(reason);

    ValueTask IEgressSink.ClosedAsync(EgressTarget target, long sent, long received, TimeSpan duration, string? error) =>
        ValueTask.CompletedTask;

    ValueTask IEgressSink.ModelUsedAsync(ModelUsage usage) => ValueTask.CompletedTask;

    ValueTask IEgressSink.ModelLimitExceededAsync(long used, long limit) => ValueTask.CompletedTask;

    private async Task<TimeSpan> RunAsync(string who, int port, bool isProxy, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        if (_isParallel)
        {
            await Task.WhenAll(
                Enumerable
                    .Range(0, _connections)
                    .Select(_ => InThreadAsync(() => Fetch(port, isProxy, new byte[256 * 1024], cancellationToken)))
            );
            return Stopwatch.GetElapsedTime(began);
        }

        // The first round warms up here as it does for the whole.
        List<double> latencies = _latencies.TryGetValue(who, out List<double>? known) ? known : [];
        _latencies.TryAdd(who, []);
        await InThreadAsync(() =>
        {
            byte[] buffer = new byte[1024];
            for (int i = 0; i < _connections; i++)
            {
                long started = Stopwatch.GetTimestamp();
                Fetch(port, isProxy, buffer, cancellationToken);
                latencies.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            }
        });
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>An agent takes none of the broker's threads.</summary>
    private static Task InThreadAsync(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>
    /// A blocking client, which adds no thread changes of its own; nor garbage, whose collection would stop the broker too.
    /// </summary>
    private void Fetch(int port, bool isProxy, byte[] buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        if (isProxy)
        {
            socket.Send(Encoding.ASCII.GetBytes($"CONNECT 127.0.0.1:{OriginPort} HTTP/1.1\r\nHost: 127.0.0.1:{OriginPort}\r\n\r\n"));
            int length = 0;
            while (!buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
            {
                length += socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is var got and > 0
                    ? got
                    : throw new InvalidOperationException("The proxy closed.");
            }
        }

        socket.Send("\u0001"u8);
        long received = 0;
        while (received < _bytes)
        {
            int read = socket.Receive(buffer);
            received += read > 0 ? read : throw new InvalidOperationException($"{received} of {_bytes} bytes arrived.");
        }
    }

    /// <summary>A server with threads of its own, as one elsewhere has: it takes none of the broker's.</summary>
    private void ServeOrigin()
    {
        try
        {
            while (true)
            {
                Socket socket = _origin.AcceptSocket();
                if (_isParallel)
                {
                    new Thread(() => Serve(socket)) { IsBackground = true }.Start();
                }
                else
                {
                    Serve(socket);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The measure is over.
        }
    }

    private void Serve(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                byte[] block = new byte[_isParallel ? 256 * 1024 : 1];
                socket.Receive(block, 1, SocketFlags.None);
                for (long left = _bytes; left > 0; )
                {
                    left -= socket.Send(block, (int)Math.Min(block.Length, left), SocketFlags.None);
                }
            }
            catch (SocketException)
            {
                // The client was cancelled.
            }
        }
    }

    private static async Task AcceptAsync(TcpListener listener, Func<Socket, Task> serve)
    {
        try
        {
            while (true)
            {
                Socket socket = await listener.AcceptSocketAsync();
                socket.NoDelay = true;
                _ = serve(socket);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The measure is over.
        }
    }

    private static double Percentile(List<double> values, double part) => values.Order().ElementAt((int)(part * (values.Count - 1)));
}
