using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>Another proxy, started for a measure with as little to do as it can be told.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("isolated-agents-proxy-");
    private readonly Process _process;

    private ProxyProcess(string program, string configuration, string[] arguments)
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "proxy.conf"), configuration
            .Replace("PORT", $"{Port}", StringComparison.Ordinal).Replace("FOLDER", _folder.FullName, StringComparison.Ordinal));
        File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0x1FF);
        _process = Process.Start(new ProcessStartInfo(program, [.. arguments, Path.Combine(_folder.FullName, "proxy.conf")]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    public int Port { get; } = FreePort();

    public static ProxyProcess Tinyproxy() =>
        new("tinyproxy", "Port PORT\nListen 127.0.0.1\nMaxClients 500\nLogLevel Critical\nLogFile \"FOLDER/log\"\n", ["-d", "-c"]);

    public static ProxyProcess Squid() => new(
        "squid",
        "http_port 127.0.0.1:PORT\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log FOLDER/cache.log\npid_filename FOLDER/pid\ncoredump_dir FOLDER\nshutdown_lifetime 0 seconds\n",
        ["-N", "-f"]);

    /// <summary>Waits until it answers.</summary>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        while (!_process.HasExited)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
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
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(true);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
