using System.Net.Sockets;
using System.Text;

namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>
/// Something that is no engine, on a socket where one is looked for: answers every connection with the same bytes and closes it.
/// </summary>
internal sealed class ScriptedEngine : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _answer;

    /// <summary>Listens on a socket in a folder.</summary>
    public ScriptedEngine(string folder, string answer)
    {
        _answer = Encoding.UTF8.GetBytes(answer);
        string path = Path.Combine(folder, "scripted.sock");
        Address = $"unix://{path}";
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _ = ServeAsync();
    }

    /// <summary>What <c>DOCKER_HOST</c> is to be.</summary>
    public string Address { get; }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using Socket client = await _listener.AcceptAsync();
                await client.ReceiveAsync(new byte[4096]);
                await client.SendAsync(_answer);
                client.Shutdown(SocketShutdown.Both);
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
