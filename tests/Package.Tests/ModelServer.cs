using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Sandbox.Tests.Egress;

namespace IsolatedAgents.Package.Tests;

/// <summary>A model behind TLS on this machine's loopback, which says of each answer that it took a hundred tokens.</summary>
internal sealed class ModelServer : IDisposable
{
    private const string Address = "127.0.0.1";

    private static readonly string Body =
        """{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":90,"completion_tokens":10,"total_tokens":100}}""";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ServerCertificate _certificate = new(Address);

    public ModelServer()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>As a policy names it.</summary>
    public string Endpoint => $"{Address}:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The authority that a client has to trust.</summary>
    public string AuthorityPem => _certificate.Authority.ExportCertificatePem();

    public void Dispose()
    {
        _listener.Dispose();
        _certificate.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = AnswerAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using TcpClient connection = client;
        try
        {
            await using SslStream tls = new(connection.GetStream());
            await tls.AuthenticateAsServerAsync(_certificate.Certificate);
            byte[] buffer = new byte[64 * 1024];
            StringBuilder request = new();
            while (!request.ToString().EndsWith('}'))
            {
                int count = await tls.ReadAsync(buffer);
                if (count == 0)
                {
                    return;
                }

                request.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }

            string head =
                $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n";
            await tls.WriteAsync(Encoding.UTF8.GetBytes(head + Body));
            await tls.ShutdownAsync();
        }
        catch (Exception end) when (end is IOException or System.Security.Authentication.AuthenticationException)
        {
            // The client has gone.
        }
    }
}
