using System.Collections.Frozen;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Tests;

/// <summary>The proxy that the host's environment names is used: a real tinyproxy that asks for a password.</summary>
[TestClass]
public sealed class ProxyTests
{
    private static readonly TestAuthority Authority = new();

    [TestMethod]
    public async Task Proxy_WithCredentials_CarriesTlsAndNames()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("localhost"));
        int port = Nginx.FreePort();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("ia-proxy-");
        string file = Path.Combine(folder.FullName, "tinyproxy.conf");
        await File.WriteAllTextAsync(file, $"Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth user pa55word\nMaxClients 100\n");
        using Process proxy = Process.Start(new ProcessStartInfo("tinyproxy", ["-d", "-c", file]) { RedirectStandardOutput = true })!;
        await Nginx.WaitForAsync(port, proxy);
        try
        {
            await AssertAsync($"http://user:pa55word@127.0.0.1:{port}", HttpStatusCode.OK);
            await AssertAsync($"127.0.0.1:{port}", null);
        }
        finally
        {
            proxy.Kill();
            await proxy.WaitForExitAsync();
            folder.Delete(true);
        }

        async Task AssertAsync(string address, HttpStatusCode? expected)
        {
            // The broker never resolves the name itself.
            EgressOptions options = new() { Resolver = static (_, _) => throw new SocketException((int)SocketError.HostNotFound) };
            await using BrokerHost host = new(
                new Policies.NetworkPolicy { AllowedEndpoints = [$"localhost:{nginx.TlsPort}"] },
                options,
                new() { ["https_proxy"] = address }
            );
            using HttpClient client = Clients.Http(host.Expose("localhost", nginx.TlsPort), Authority.Roots);
            if (expected is null)
            {
                await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.GetAsync($"https://localhost:{nginx.TlsPort}/"));
                Assert.AreEqual(
                    $"The upstream proxy '127.0.0.1:{port}' asks for a user name and password (status 407); put them into the variable that names it, as http://user:password@host:port",
                    (await host.Sink.NextClosedAsync()).Error
                );
                return;
            }

            using HttpResponseMessage answer = await client.GetAsync($"https://localhost:{nginx.TlsPort}/");
            Assert.AreEqual(expected, answer.StatusCode);
            Assert.IsNull(host.Sink.Allowed.Single().Address);
            Assert.AreSequenceEqual(["pa55word"], host.Broker.Secrets);
        }
    }

    // A proxy that tunnels to port 443 alone, as most do, forwards plain HTTP to any port.
    [TestMethod]
    public async Task PlainHttp_IsForwardedAndNotTunnelled()
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("localhost"));
        await using ProxyProcess proxy = await ProxyProcess.StartAsync("ConnectPort 443\nBasicAuth user pa55word\n");
        await using BrokerHost host = NewHost(nginx.Port, $"http://user:pa55word@127.0.0.1:{proxy.Port}");
        using HttpClient client = Clients.Http(host.Expose("localhost", nginx.Port));
        for (int i = 0; i < 3; i++)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, $"http://localhost:{nginx.Port}/?a=b");
            request.Headers.ConnectionClose = true;
            request.Headers.TryAddWithoutValidation("Proxy-Authorization", "Basic bm90Om91cnM=");
            using HttpResponseMessage answer = await client.SendAsync(request);
            Assert.AreEqual(HttpStatusCode.OK, answer.StatusCode);
        }

        Assert.HasCount(3, host.Sink.Allowed);
        Assert.AreEqual("/", host.Sink.Allowed.First().Path);
        await Assert.ThrowsExactlyAsync<HttpRequestException>(
            () => client.GetAsync($"https://localhost:{nginx.Port}/"),
            "a tunnel to another port is refused"
        );
    }

    [TestMethod]
    [DataRow("", "asks for a user name and password (status 407)", DisplayName = "no password")]
    [DataRow(
        "user:wrong@",
        "asks for a user name and password|does not take the user name and password|refuses with status 401",
        DisplayName = "the wrong one"
    )]
    public async Task PlainHttp_ProxyThatWantsAnotherPassword_IsNamedAndNotTheAgentsBusiness(string user, string expected)
    {
        await using Nginx nginx = await Nginx.StartAsync(Authority.Sign("localhost"));
        await using ProxyProcess proxy = await ProxyProcess.StartAsync("BasicAuth user pa55word\n");
        await using BrokerHost host = NewHost(nginx.Port, $"http://{user}127.0.0.1:{proxy.Port}");
        using HttpClient client = Clients.Http(host.Expose("localhost", nginx.Port));
        using HttpResponseMessage answer = await client.GetAsync($"http://localhost:{nginx.Port}/");
        if (answer.StatusCode == HttpStatusCode.Unauthorized)
        {
            // tinyproxy answers wrong passwords with the status of a server.
            return;
        }

        Assert.AreEqual(HttpStatusCode.BadGateway, answer.StatusCode);
        string error = (await host.Sink.NextClosedAsync()).Error!;
        Assert.IsTrue(expected.Split('|').Any(part => error.Contains(part, StringComparison.Ordinal)), error);
    }

    [TestMethod]
    public async Task PlainHttp_DeadProxy_IsNamed()
    {
        int port = Nginx.FreePort();
        await using BrokerHost host = NewHost(80, $"http://127.0.0.1:{port}");
        using HttpClient client = Clients.Http(host.Expose("localhost", 80));
        using HttpResponseMessage answer = await client.GetAsync("http://localhost/");
        Assert.AreEqual(HttpStatusCode.BadGateway, answer.StatusCode);
        string error = (await host.Sink.NextClosedAsync()).Error!;
        Assert.StartsWith($"The upstream proxy '127.0.0.1:{port}' cannot be reached", error);
        Assert.Contains("correct the variable that names it", error);
    }

    [TestMethod]
    [DataRow("api.example.com", 443, "one", DisplayName = "HTTPS_PROXY")]
    [DataRow("api.example.com", 80, "two", DisplayName = "HTTP_PROXY for port 80")]
    [DataRow("api.internal", 443, null, DisplayName = "domain in NO_PROXY")]
    [DataRow("internal", 443, null, DisplayName = "name in NO_PROXY")]
    [DataRow("xinternal", 443, "one", DisplayName = "name that ends alike")]
    [DataRow("10.1.2.3", 443, null, DisplayName = "range in NO_PROXY")]
    [DataRow("git.example.com", 22, null, DisplayName = "port in NO_PROXY")]
    [DataRow("git.example.com", 443, "one", DisplayName = "other port")]
    public void Proxies_For_AsTheEnvironmentSays(string host, int port, string? expected)
    {
        UpstreamProxies proxies = new(
            new Dictionary<string, string>
            {
                ["HTTPS_PROXY"] = "http://u:one@p.test:1",
                ["http_proxy"] = "http://u:two@p.test:2",
                ["NO_PROXY"] = ".internal, 10.0.0.0/8,git.example.com:22",
            }.ToFrozenDictionary()
        );
        Assert.AreEqual(expected, proxies.For(new EgressTarget(host, port))?.Password);
    }

    [TestMethod]
    [DataRow("socks5://p.test:1080")]
    [DataRow("http://")]
    [DataRow("nonsense://")]
    public void Proxies_NotHttp_IsAConfigurationError(string value)
    {
        ConfigurationException exception = Assert.ThrowsExactly<ConfigurationException>(() =>
            new UpstreamProxies(new Dictionary<string, string> { ["ALL_PROXY"] = value }.ToFrozenDictionary())
        );
        Assert.AreEqual("IA1003", exception.Diagnostic.Code);
        Assert.Contains("'ALL_PROXY'", exception.Message);
    }

    private static BrokerHost NewHost(int port, string proxy) =>
        new(
            new Policies.NetworkPolicy { AllowedEndpoints = [$"localhost:{port}"] },
            new EgressOptions { Resolver = static (_, _) => throw new SocketException((int)SocketError.HostNotFound) },
            new() { ["http_proxy"] = proxy }
        );

    /// <summary>A tinyproxy of a test's own.</summary>
    private sealed class ProxyProcess(Process process, DirectoryInfo folder, int port) : IAsyncDisposable
    {
        public int Port => port;

        public static async Task<ProxyProcess> StartAsync(string settings)
        {
            int port = Nginx.FreePort();
            DirectoryInfo folder = Directory.CreateTempSubdirectory("ia-proxy-");
            string file = Path.Combine(folder.FullName, "tinyproxy.conf");
            await File.WriteAllTextAsync(file, $"Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\n{settings}");
            Process process = Process.Start(new ProcessStartInfo("tinyproxy", ["-d", "-c", file]) { RedirectStandardOutput = true })!;
            await Nginx.WaitForAsync(port, process);
            return new ProxyProcess(process, folder, port);
        }

        public async ValueTask DisposeAsync()
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            folder.Delete(true);
        }
    }
}
