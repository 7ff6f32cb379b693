using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Sandbox.Tests;

/// <summary>A real image registry of the test's own, on a loopback port.</summary>
internal sealed class LocalRegistry : IDisposable
{
    private readonly Process _process;
    private readonly string _folder;

    private LocalRegistry(Process process, string folder, string address)
    {
        _process = process;
        _folder = folder;
        Address = address;
    }

    /// <summary>Host and port, as they stand in front of an image's name.</summary>
    public string Address { get; }

    public static async Task<LocalRegistry> StartAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("isolated-agents-registry-").FullName;
        string address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{FreePort()}");
        string configuration = Path.Combine(folder, "config.yml");
        await File.WriteAllTextAsync(
            configuration,
            $"version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {folder} }} }}\nhttp: {{ addr: {address} }}\n",
            cancellationToken
        );
        Process process = Process.Start(
            new ProcessStartInfo("docker-registry", ["serve", configuration])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        LocalRegistry registry = new(process, folder, address);
        string? line;
        while ((line = await process.StandardError.ReadLineAsync(cancellationToken)) is not null)
        {
            if (line.Contains("listening on", StringComparison.Ordinal))
            {
                // What it says from now on must be taken, or it would block one day.
                _ = process.StandardError.ReadToEndAsync(CancellationToken.None);
                _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                return registry;
            }
        }

        registry.Dispose();
        throw new InvalidOperationException("The registry ended before it listened.");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
