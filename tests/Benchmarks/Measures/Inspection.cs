using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IsolatedAgents.Egress;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// Requests through opened TLS, one after the other on kept connections: an nginx behind the broker, and behind mitmproxy.
/// </summary>
internal sealed class Inspection : IMeasure, IEgressSink
{
    private const int Requests = 200;
    private const string Host = "localhost";

    private readonly TcpListener _sandbox = new(IPAddress.Loopback, 0);
    private readonly Dictionary<string, List<double>> _latencies = [];
    private (double Microseconds, long Bytes, int Requests) _cost;
    private EgressBroker? _broker;
    private ProxyProcess? _nginx;
    private ProxyProcess? _mitmproxy;
    private HttpClient? _ours;
    private HttpClient? _theirs;

    public Inspection() => Peers = [new Peer("mitmproxy", 0.2, token => RunAsync("mitmproxy", _theirs!, token))];

    public string Name => "inspection";

    public IReadOnlyList<Peer> Peers { get; }

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists("/usr/bin/mitmdump") || !File.Exists("/usr/sbin/nginx"))
        {
            return "nginx and mitmproxy are not installed";
        }

        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={Host}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(Host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _nginx = ProxyProcess.Nginx(certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        _mitmproxy = ProxyProcess.Mitmproxy();
        await _nginx.ReadyAsync(cancellationToken);
        await _mitmproxy.ReadyAsync(cancellationToken);
        string endpoint = string.Create(CultureInfo.InvariantCulture, $"{Host}:{_nginx.Port}");
        NetworkPolicy network = new()
        {
            AllowedEndpoints = [endpoint, "127.0.0.1"],
            Inspect = [new InspectedEndpoint(endpoint, ["GET /*"])],
        };
        EgressOptions options = new()
        {
            Resolver = static (_, _) => ValueTask.FromResult<IPAddress[]>([IPAddress.Loopback]),
            TrustedRoots = [X509CertificateLoader.LoadCertificate(certificate.RawData)],
        };
        _broker = new EgressBroker(
            Policy.Default with
            {
                Network = network,
            },
            this,
            FrozenDictionary<string, string>.Empty,
            options with
            {
                Loop = ReadinessLoop.OfProcess,
            }
        );
        _sandbox.Start();
        _ = AcceptAsync(new EgressTarget(Host, _nginx.Port));
        _ours = new HttpClient(
            Handler(
                async (_, token) =>
                {
                    Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync(_sandbox.LocalEndpoint, token);
                    return new NetworkStream(socket, ownsSocket: true);
                }
            )
        );
        SocketsHttpHandler throughProxy = Handler(null);
        throughProxy.Proxy = new WebProxy("127.0.0.1", _mitmproxy.Port);
        throughProxy.UseProxy = true;
        _theirs = new HttpClient(throughProxy);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        // On a machine that others use too, these say more than the clock.
        (TimeSpan processors, long bytes) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
        TimeSpan time = await RunAsync("ours", _ours!, cancellationToken);
        double microseconds = (Environment.CpuUsage.TotalTime - processors).TotalMicroseconds;
        _cost = (_cost.Microseconds + microseconds, _cost.Bytes + GC.GetTotalAllocatedBytes() - bytes, _cost.Requests + Requests);
        return time;
    }

    public IEnumerable<string> Notes() =>
        _latencies
            .Select(pair =>
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"    {pair.Key}: request p50 {Percentile(pair.Value, 0.5):0} us, p99 {Percentile(pair.Value, 0.99):0} us, of {pair.Value.Count}"
                )
            )
            .Append(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"    ours, with its client: {_cost.Microseconds / _cost.Requests:0} us of processors and {_cost.Bytes / _cost.Requests} bytes of objects a request"
                )
            );

    public async ValueTask DisposeAsync()
    {
        _ours?.Dispose();
        _theirs?.Dispose();
        _sandbox.Dispose();
        foreach (IAsyncDisposable? part in (IAsyncDisposable?[])[_broker, _nginx, _mitmproxy])
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

    private async Task<TimeSpan> RunAsync(string who, HttpClient client, CancellationToken cancellationToken)
    {
        List<double> latencies = _latencies.TryGetValue(who, out List<double>? known) ? known : _latencies[who] = [];
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < Requests; i++)
        {
            long started = Stopwatch.GetTimestamp();
            string body = await client.GetStringAsync($"https://{Host}:{_nginx!.Port}/", cancellationToken);
            latencies.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            if (body != "answer")
            {
                throw new InvalidOperationException($"The answer was '{body}'.");
            }
        }

        return Stopwatch.GetElapsedTime(began);
    }

    private async Task AcceptAsync(EgressTarget target)
    {
        try
        {
            while (true)
            {
                Socket socket = await _sandbox.AcceptSocketAsync();
                socket.NoDelay = true;
                _ = _broker!.HandleAsync(new SocketDuplexStream(socket, ReadinessLoop.OfProcess), target, CancellationToken.None);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The measure is over.
        }
    }

    /// <summary>A client that trusts whoever answers: both proxies sign with authorities of their own.</summary>
    private static SocketsHttpHandler Handler(Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect)
    {
        SocketsHttpHandler handler = new() { UseProxy = false, ConnectCallback = connect };
#pragma warning disable CA5359 // Nothing but the time of the exchange is looked at.
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        return handler;
    }

    private static double Percentile(List<double> values, double part) => values.Order().ElementAt((int)(part * (values.Count - 1)));
}
