using System.Net.Sockets;
using Microsoft.Net.Http.Client;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// Asks an engine on a Unix socket who it is. Its <c>/_ping</c> names itself in a header and answers in a millisecond or so, whereas for
/// <c>/version</c> it first starts the programs it depends on. The client library shows no headers, but its handler does, and every later
/// call needs that one anyway: the framework's own costs the start of a process more than the answer.
/// </summary>
internal static class EngineBanner
{
    /// <summary>Name and version, such as <c>Docker</c> and <c>20.10.24</c>; null where the engine does not give them.</summary>
    public static async Task<(string Name, string Version)?> ReadAsync(string socketPath, CancellationToken cancellationToken)
    {
        using ManagedHandler handler = new(new ManagedHandler.SocketOpener((_, _, token) => ConnectAsync(socketPath, token)))
        {
            UseProxy = false,
        };
        using HttpClient client = new(handler);
        using HttpResponseMessage response = await client
            .GetAsync(new Uri("http://engine/_ping"), HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            .ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        // "Docker/20.10.24+dfsg1 (linux)", "Libpod/4.3.1 (linux)"
        string banner = response.Headers.TryGetValues("Server", out IEnumerable<string>? values) ? values.First() : "";
        int slash = banner.IndexOf('/', StringComparison.Ordinal);
        return slash < 0
            ? null
            : (banner[..slash] == "Libpod" ? EngineDescription.PodmanName : banner[..slash], banner[(slash + 1)..].Split(' ')[0]);
    }

    private static async Task<Socket> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
