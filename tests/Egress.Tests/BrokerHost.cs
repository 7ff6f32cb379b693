using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Tests;

/// <summary>A broker with a listener for each endpoint, as the sandbox has them: who connects there has asked for that endpoint.</summary>
internal sealed class BrokerHost : IAsyncDisposable
{
    private readonly ConcurrentBag<TcpListener> _listeners = [];
    private readonly ConcurrentBag<Task> _work = [];

    public BrokerHost(
        NetworkPolicy network,
        EgressOptions? options = null,
        Dictionary<string, string>? environment = null,
        LimitsPolicy? limits = null
    )
    {
        Policy policy = Policy.Default with { Network = network, Limits = limits ?? new LimitsPolicy() };
        Broker = new EgressBroker(
            policy,
            Sink,
            (environment ?? []).ToFrozenDictionary(StringComparer.Ordinal),
            (options ?? Loopback) with
            {
                Loop = ReadinessLoop.OfProcess,
            }
        );
    }

    /// <summary>Every name is this machine.</summary>
    public static EgressOptions Loopback { get; } =
        new() { Resolver = static (_, _) => ValueTask.FromResult<IPAddress[]>([IPAddress.Loopback]) };

    public RecordingSink Sink { get; } = new();

    public EgressBroker Broker { get; }

    /// <summary>Names that lead to this machine, which the policy allows by address.</summary>
    public static NetworkPolicy Allow(params string[] endpoints) => new() { AllowedEndpoints = [.. endpoints, "127.0.0.1"] };

    /// <summary>A port of this machine where <paramref name="host"/> is reached.</summary>
    public int Expose(string host, int port)
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start(4096);
        _listeners.Add(listener);
        _work.Add(AcceptAsync(listener, new EgressTarget(host, port)));
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A connection of an agent.</summary>
    public async Task<Socket> ConnectAsync(string host, int port)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Expose(host, port));
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (TcpListener listener in _listeners)
        {
            listener.Dispose();
        }

        await Broker.DisposeAsync();
        await Task.WhenAll(_work).WaitAsync(TimeSpan.FromSeconds(30));

        // Connections may end in the thread that serves them, which is no place for a test.
        await Task.Yield();
    }

    private async Task AcceptAsync(TcpListener listener, EgressTarget target)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            socket.NoDelay = true;
            _work.Add(Broker.HandleAsync(new SocketDuplexStream(socket, ReadinessLoop.OfProcess), target, CancellationToken.None));
        }
    }
}
