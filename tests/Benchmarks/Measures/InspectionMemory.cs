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
/// The memory of the host's process beyond its idle state while many requests are under way on few inspected connections, each with a
/// connection to a server that answers slowly. A second stands for a MiB. Clients are curl, the server is nginx, so that all of it is the
/// broker's. No client asks for more than fits one connection: curl opens one more for each request beyond.
/// </summary>
internal sealed class InspectionMemory : IMeasure, IEgressSink
{
    private const int Clients = 10;
    private const int RequestsOfClient = 96;
    private const double LimitMebibytes = 64;
    private const string Host = "localhost";

    private readonly TcpListener _sandbox = new(IPAddress.Loopback, 0);
    private readonly List<(double Mebibytes, int Requests, int Connections)> _found = [];
    private EgressBroker? _broker;
    private ProxyProcess? _nginx;
    private int _underWay;
    private int _connections;

    public InspectionMemory() => Peers = [new Peer("64 MiB", 1, _ => Task.FromResult(TimeSpan.FromSeconds(LimitMebibytes)))];

    public string Name => "inspection-memory";

    public IReadOnlyList<Peer> Peers { get; }

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists("/usr/bin/curl") || !File.Exists("/usr/sbin/nginx"))
        {
            return "nginx and curl are not installed";
        }

        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={Host}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(Host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _nginx = ProxyProcess.SlowNginx(certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        await _nginx.ReadyAsync(cancellationToken);
        string endpoint = string.Create(CultureInfo.InvariantCulture, $"{Host}:{_nginx.Port}");
        NetworkPolicy network = new() { AllowedEndpoints = [endpoint, "127.0.0.1"], Inspect = [new InspectedEndpoint(endpoint, [])] };
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
        _sandbox.Start(4096);
        _ = AcceptAsync(new EgressTarget(Host, _nginx.Port));
        await AskAsync(1, cancellationToken);
        return null;
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        long idle = Idle();
        _underWay = 0;
        Process[] clients = [.. Enumerable.Range(0, Clients).Select(_ => Curl(RequestsOfClient))];
        try
        {
            long began = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref _underWay) < Clients * RequestsOfClient)
            {
                if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(1))
                {
                    throw new InvalidOperationException($"Of {Clients * RequestsOfClient} requests {_underWay} were answered.");
                }

                await Task.Delay(50, cancellationToken);
            }

            double mebibytes = (Resident() - idle) / 1024.0 / 1024;
            _found.Add((mebibytes, _underWay, Volatile.Read(ref _connections)));
            return TimeSpan.FromSeconds(Math.Max(0.001, mebibytes));
        }
        finally
        {
            foreach (Process client in clients)
            {
                client.Kill();
                await client.WaitForExitAsync(CancellationToken.None);
                client.Dispose();
            }

            while (Volatile.Read(ref _connections) > 0)
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    public IEnumerable<string> Notes() =>
        _found.Select(found =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"    {found.Requests} requests under way on {found.Connections} connections: {found.Mebibytes:0.0} MiB over idle, {found.Mebibytes * 1024 / found.Requests:0.0} KiB each"
            )
        );

    public async ValueTask DisposeAsync()
    {
        _sandbox.Dispose();
        foreach (IAsyncDisposable? part in (IAsyncDisposable?[])[_broker, _nginx])
        {
            await (part?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    ValueTask IEgressSink.AllowedAsync(EgressRequest request)
    {
        Interlocked.Increment(ref _underWay);
        return ValueTask.CompletedTask;
    }

    ValueTask IEgressSink.BlockedAsync(EgressTarget target, string reason, string rule) => throw new InvalidOperationException(reason);

    ValueTask IEgressSink.ClosedAsync(EgressTarget target, long sent, long received, TimeSpan duration, string? error) =>
        ValueTask.CompletedTask;

    ValueTask IEgressSink.ModelUsedAsync(ModelUsage usage) => ValueTask.CompletedTask;

    ValueTask IEgressSink.ModelLimitExceededAsync(long used, long limit) => ValueTask.CompletedTask;

    private async Task AskAsync(int requests, CancellationToken cancellationToken)
    {
        using Process client = Curl(requests, "/fast");
        await client.WaitForExitAsync(cancellationToken);
    }

    private Process Curl(int requests, string path = "/slow") =>
        Process.Start(
            new ProcessStartInfo(
                "curl",
                [
                    "-sk",
                    "--no-progress-meter",
                    "--http2",
                    "-Z",
                    "--parallel-max",
                    "300",
                    "--noproxy",
                    "*",
                    "-o",
                    "/dev/null",
                    "--connect-to",
                    $"::127.0.0.1:{((IPEndPoint)_sandbox.LocalEndpoint).Port}",
                    $"https://{Host}:{_nginx!.Port}{path}?[1-{requests}]",
                ]
            )
        )!;

    private static long Idle()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        return Resident();
    }

    private static long Resident()
    {
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }

    private async Task AcceptAsync(EgressTarget target)
    {
        try
        {
            while (true)
            {
                Socket socket = await _sandbox.AcceptSocketAsync();
                socket.NoDelay = true;
                Interlocked.Increment(ref _connections);
                _ = _broker!
                    .HandleAsync(new SocketDuplexStream(socket, ReadinessLoop.OfProcess), target, CancellationToken.None)
                    .ContinueWith(_ => Interlocked.Decrement(ref _connections), TaskScheduler.Default);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The measure is over.
        }
    }
}
