using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>Another proxy or server, started for a measure with as little to do as it can be told.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    // The name that mitmproxy looks for in its folder; the others are told it.
    private const string ConfigurationFile = "config.yaml";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("isolated-agents-proxy-");
    private readonly Process _process;

    private ProxyProcess(string program, string configuration, string[] arguments, string certificate = "", IPAddress? address = null)
    {
        Address = address ?? IPAddress.Loopback;
        Port = FreePort(Address);
        File.WriteAllText(Path.Combine(_folder.FullName, "server.pem"), certificate);
        File.WriteAllText(
            Path.Combine(_folder.FullName, ConfigurationFile),
            configuration.Replace("PORT", $"{Port}", StringComparison.Ordinal).Replace("FOLDER", _folder.FullName, StringComparison.Ordinal)
        );
        File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0x1FF);
        string[] last = program == "mitmdump" ? [$"confdir={_folder.FullName}"] : [Path.Combine(_folder.FullName, ConfigurationFile)];
        _process = Process.Start(
            new ProcessStartInfo(program, [.. arguments, .. last]) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
    }

    public IPAddress Address { get; }

    public int Port { get; }

    public static ProxyProcess Tinyproxy() =>
        new("tinyproxy", "Port PORT\nListen 127.0.0.1\nMaxClients 500\nLogLevel Critical\nLogFile \"FOLDER/log\"\n", ["-d", "-c"]);

    public static ProxyProcess Squid() =>
        new(
            "squid",
            "http_port 127.0.0.1:PORT\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log FOLDER/cache.log\npid_filename FOLDER/pid\ncoredump_dir FOLDER\nshutdown_lifetime 0 seconds\n",
            ["-N", "-f"]
        );

    /// <summary>Opens TLS with an authority of its own, and trusts every server.</summary>
    public static ProxyProcess Mitmproxy() =>
        new("mitmdump", "listen_host: 127.0.0.1\nlisten_port: PORT\nssl_insecure: true\nflow_detail: 0\n", ["--quiet", "--set"]);

    /// <summary>A server behind TLS, in HTTP/1.1.</summary>
    public static ProxyProcess Nginx(string certificate) =>
        new(
            "nginx",
            "daemon off;\nuser root;\nworker_processes 1;\npid FOLDER/pid;\nerror_log FOLDER/error.log;\nevents { }\nhttp { access_log off; keepalive_requests 100000; "
                + "server { listen 127.0.0.1:PORT ssl; ssl_certificate FOLDER/server.pem; ssl_certificate_key FOLDER/server.pem; location / { return 200 answer; } } }\n",
            ["-c"],
            certificate
        );

    /// <summary>A server behind TLS that begins its answers at once and takes half a minute for them.</summary>
    public static ProxyProcess SlowNginx(string certificate) =>
        new(
            "nginx",
            "daemon off;\nuser root;\nworker_processes 1;\npid FOLDER/pid;\nerror_log FOLDER/error.log;\nevents { worker_connections 8192; }\nhttp { access_log off; "
                + "server { listen 127.0.0.1:PORT ssl backlog=4096; ssl_certificate FOLDER/server.pem; ssl_certificate_key FOLDER/server.pem; "
                + $"location /slow {{ limit_rate 100; return 200 {new string('x', 3000)}; }} location / {{ return 200 answer; }} }} }}\n",
            ["-c"],
            certificate
        );

    /// <summary>A server that is told a number, and answers with so many bytes.</summary>
    public static ProxyProcess ByteServer(IPAddress address) =>
        new(
            "python3",
            $"""
            import socket, threading
            listener = socket.create_server(('{address}', PORT), backlog=1024)
            block = bytes(1 << 18)
            def serve(connection, size):
                try:
                    while size > 0: size -= connection.send(memoryview(block)[:size])
                except OSError: pass
                connection.close()
            while True:
                connection = listener.accept()[0]
                said = connection.recv(64)
                size = int(said) if said else 0
                # Short answers wait for no thread.
                if size > 1: threading.Thread(target=serve, args=(connection, size), daemon=True).start()
                else: serve(connection, size)
            """,
            [],
            address: address
        );

    /// <summary>Waits until it answers.</summary>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        while (!_process.HasExited)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(Address, Port, cancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(50, cancellationToken);
            }
        }

        throw new InvalidOperationException($"{_process.StartInfo.FileName} ended with exit code {_process.ExitCode}.");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(true);
    }

    private static int FreePort(IPAddress address)
    {
        using TcpListener listener = new(address, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
