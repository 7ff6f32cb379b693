using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>
/// A real nginx of this machine: plain HTTP/1.1 on one port, TLS with HTTP/1.1 and HTTP/2 on the other, with a certificate of the test's
/// own authority.
/// </summary>
internal sealed class NginxServer : IDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly ServerCertificate _certificate;
    private readonly string _folder = Directory.CreateTempSubdirectory("isolated-agents-nginx-").FullName;

    private NginxServer(string host)
    {
        (PlainPort, SecurePort) = (FreePort(), FreePort());
        Root = Directory.CreateDirectory(Path.Combine(_folder, "root")).FullName;
        // Its workers are nobody in particular.
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        _certificate = new ServerCertificate(host);
        File.WriteAllText(Path.Combine(_folder, "cert.pem"), _certificate.ChainPem);
        File.WriteAllText(Path.Combine(_folder, "key.pem"), _certificate.KeyPem);
        File.WriteAllText(
            Path.Combine(_folder, "nginx.conf"),
            $$"""
            daemon off; pid {{_folder}}/nginx.pid; error_log {{_folder}}/error.log; worker_processes 1;
            events { worker_connections 4096; }
            http {
              access_log {{_folder}}/access.log; client_body_temp_path {{_folder}}/body; proxy_temp_path {{_folder}}/proxy; fastcgi_temp_path {{_folder}}/fastcgi;
              uwsgi_temp_path {{_folder}}/uwsgi; scgi_temp_path {{_folder}}/scgi; default_type application/octet-stream; types { text/html html; }
              server {
                listen 127.0.0.1:{{PlainPort}}; listen 127.0.0.1:{{SecurePort}} ssl http2;
                ssl_certificate {{_folder}}/cert.pem; ssl_certificate_key {{_folder}}/key.pem;
                root {{Root}}; autoindex on;
                location /echo { return 200 "$request_method $server_protocol auth=$http_authorization\n"; }
              }
            }
            """
        );
        _process = Process.Start(
            new ProcessStartInfo("nginx", ["-p", _folder, "-c", Path.Combine(_folder, "nginx.conf")]) { RedirectStandardError = true }
        )!;
    }

    /// <summary>What the server's files are taken from.</summary>
    public string Root { get; }

    public int PlainPort { get; }

    public int SecurePort { get; }

    /// <summary>Whom a client has to trust.</summary>
    public X509Certificate2 Authority => _certificate.Authority;

    /// <summary>What was asked of it.</summary>
    public string Log => File.ReadAllText(Path.Combine(_folder, "access.log"));

    public static async Task<NginxServer> StartAsync(string host, CancellationToken token)
    {
        NginxServer server = new(host);
        Stopwatch waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync(IPAddress.Loopback, server.SecurePort, token);
                return server;
            }
            catch (SocketException) when (waited.Elapsed < StartDeadline && !server._process.HasExited)
            {
                await Task.Yield();
            }
        }
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
