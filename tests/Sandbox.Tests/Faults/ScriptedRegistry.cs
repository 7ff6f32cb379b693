using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>
/// Something on a loopback port that answers an engine's pull as a test wants it: each request by its path, or not at all.
/// </summary>
internal sealed class ScriptedRegistry : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string, string?> _answer;
    private readonly CancellationTokenSource _closing = new();
    private int _manifests;

    /// <summary>Listens.</summary>
    /// <param name="answer">Gives the whole answer to a request by its first line; null to stay silent.</param>
    public ScriptedRegistry(Func<string, string?> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _ = AcceptAsync();
    }

    /// <summary>Host and port, as they stand in front of an image's name.</summary>
    public string Address { get; }

    /// <summary>How often a manifest was asked for.</summary>
    public int Manifests => _manifests;

    /// <summary>A whole answer.</summary>
    public static string Reply(string status, string type, string body) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"
        );

    public void Dispose()
    {
        _closing.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_closing.Token));
            }
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient accepted)
    {
        using TcpClient client = accepted;
        byte[] buffer = new byte[16 * 1024];
        try
        {
            int count = await client.GetStream().ReadAsync(buffer, _closing.Token);
            string line = Encoding.ASCII.GetString(buffer, 0, count).Split('\r')[0];
            if (line.Contains("/manifests/", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _manifests);
            }

            if (_answer(line) is { } answer)
            {
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer), _closing.Token);
            }
            else
            {
                await Task.Delay(Timeout.Infinite, _closing.Token);
            }
        }
        catch (Exception end) when (end is OperationCanceledException or IOException)
        {
            // The engine has gone, or the test is over.
        }
    }
}
