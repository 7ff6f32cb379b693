using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Connections of inspected endpoints that end while the server is silent.</summary>
[TestClass]
public sealed class DepartureTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    [DataRow(true, DisplayName = "reset by the agent")]
    [DataRow(false, DisplayName = "idle for too long")]
    public async Task Server_SilentWhenTheConnectionEnds_SeesTheEnd(bool isReset)
    {
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = new(async socket =>
        {
            using SslStream tls = new(new NetworkStream(socket));
            await tls.AuthenticateAsServerAsync(Authority.Sign("api.test"));
            _ = await tls.ReadAsync(new byte[4096]);
            await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"u8.ToArray());
            while (await tls.ReadAsync(new byte[4096]) > 0) { }

            ended.TrySetResult();
        });
        NetworkPolicy network = BrokerHost.Allow($"api.test:{server.Port}") with
        {
            Inspect = [new InspectedEndpoint($"api.test:{server.Port}", [])],
        };
        EgressOptions options = BrokerHost.Loopback with { TrustedRoots = Authority.Roots };
        await using BrokerHost host = new(network, isReset ? options : options with { IdleTimeout = TimeSpan.FromSeconds(1) });
        using Socket agent = await host.ConnectAsync("api.test", server.Port);
        using SslStream tls = new(new NetworkStream(agent));
        X509ChainPolicy trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.AddRange(Clients.Roots(host.Broker.AuthorityPem!));
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "api.test", CertificateChainPolicy = trust });
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: api.test:{server.Port}\r\n\r\n"));
        Assert.IsGreaterThan(0, await tls.ReadAsync(new byte[4096]));
        if (isReset)
        {
            agent.LingerState = new LingerOption(true, 0);
            agent.Dispose();
        }

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        string told = (await host.Sink.NextClosedAsync()).Error ?? "";
        Assert.StartsWith(isReset ? "The agent left before the answer was complete; " : "Nothing passed for too long; ", told);
        Assert.EndsWith("('GET /')", told);
    }
}
