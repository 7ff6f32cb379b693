using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace IsolatedAgents.Egress.Tests;

/// <summary>A real nginx with a plain port and a TLS port that speaks HTTP/1.1 and HTTP/2.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ia-nginx-");
    private readonly Process _process;

    private Nginx(X509Certificate2 certificate, string locations)
    {
        Port = FreePort();
        TlsPort = FreePort();
        File.WriteAllText(Path.Combine(_folder.FullName, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "key.pem"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(
            Path.Combine(_folder.FullName, "nginx.conf"),
            $$"""
            user root;
            daemon off;
            worker_processes 1;
            pid {{_folder.FullName}}/pid;
            error_log {{_folder.FullName}}/error.log;
            events { worker_connections 4096; }
            http {
              access_log off;
              client_body_temp_path {{_folder.FullName}}/body;
              proxy_temp_path {{_folder.FullName}}/proxy;
              fastcgi_temp_path {{_folder.FullName}}/fastcgi;
              uwsgi_temp_path {{_folder.FullName}}/uwsgi;
              scgi_temp_path {{_folder.FullName}}/scgi;
              client_max_body_size 0;
              server {
                listen 127.0.0.1:{{Port}};
                listen 127.0.0.1:{{TlsPort}} ssl http2;
                ssl_certificate {{_folder.FullName}}/cert.pem;
                ssl_certificate_key {{_folder.FullName}}/key.pem;
                root {{_folder.FullName}};
                default_type text/plain;
                location / { return 200 "host=$host connection=$connection requests=$connection_requests protocol=$server_protocol authorization=$http_authorization key=$http_x_api_key uri=$request_uri\n"; }
                {{locations.Replace("PLAIN", $"{Port}", StringComparison.Ordinal)}}
              }
            }
            """
        );
        _process = Process.Start(
            new ProcessStartInfo("nginx", ["-p", _folder.FullName, "-c", Path.Combine(_folder.FullName, "nginx.conf")])
        )!;
    }

    public int Port { get; }

    public int TlsPort { get; }

    public static async Task<Nginx> StartAsync(X509Certificate2 certificate, string locations = "")
    {
        Nginx nginx = new(certificate, locations);
        await WaitForAsync(nginx.Port, nginx._process);
        await WaitForAsync(nginx.TlsPort, nginx._process);
        return nginx;
    }

    public static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Returns when something listens there.</summary>
    public static async Task WaitForAsync(int port, Process process)
    {
        for (Stopwatch clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(20) && !process.HasExited; )
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20);
            }
        }

        Assert.Fail($"{process.StartInfo.FileName} does not listen on port {port}.");
    }

    public void AddFile(string name, long size)
    {
        using FileStream file = File.Create(Path.Combine(_folder.FullName, name));
        file.SetLength(size);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // Its worker ends with it.
            using Process kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            await kill.WaitForExitAsync();
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }

        _process.Dispose();
        _folder.Delete(true);
    }
}
