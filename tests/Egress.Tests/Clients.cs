using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;

namespace IsolatedAgents.Egress.Tests;

/// <summary>Real clients, as agents have them.</summary>
internal static class Clients
{
    /// <summary>.NET's client: every connection goes to the exposed port, whatever the address says.</summary>
    public static HttpClient Http(int exposedPort, X509Certificate2Collection? roots = null) =>
        new(Handler(exposedPort, roots)) { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>.NET's WebSocket, connected.</summary>
    public static async Task<ClientWebSocket> WebSocketAsync(int exposedPort, X509Certificate2Collection roots, Uri address)
    {
        ClientWebSocket socket = new();
        socket.Options.CollectHttpResponseDetails = true;
        using HttpMessageInvoker invoker = new(Handler(exposedPort, roots));
        using CancellationTokenSource late = new(TimeSpan.FromSeconds(30));
        try
        {
            await socket.ConnectAsync(address, invoker, late.Token);
        }
        catch (WebSocketException)
        {
            // How far it came, it says itself.
        }

        return socket;
    }

    private static SocketsHttpHandler Handler(int exposedPort, X509Certificate2Collection? roots)
    {
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            ConnectCallback = async (_, cancellationToken) =>
            {
                Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(IPAddress.Loopback, exposedPort, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        if (roots is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        return handler;
    }

    public static X509Certificate2Collection Roots(string pem)
    {
        X509Certificate2Collection roots = [];
        roots.ImportFromPem(pem);
        return roots;
    }

    /// <summary>Runs curl; gives its exit code and what it printed.</summary>
    public static async Task<(int Code, string Output)> CurlAsync(int exposedPort, params string[] arguments)
    {
        ProcessStartInfo start = new(
            "curl",
            ["-sS", "--noproxy", "*", "--max-time", "20", "--connect-to", $"::127.0.0.1:{exposedPort}", .. arguments]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process curl = Process.Start(start)!;
        Task<string> errors = curl.StandardError.ReadToEndAsync();
        string output = await curl.StandardOutput.ReadToEndAsync();
        await curl.WaitForExitAsync();
        return (curl.ExitCode, output + await errors);
    }
}
