using Microsoft.Net.Http.Client;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// The client library's own handler, over connections through ssh. It opens one for each call, and never two calls share one.
/// </summary>
internal sealed class SshHandler : ManagedHandler
{
    private readonly SshConnections _connections;

    public SshHandler(SshConnections connections)
        : base(new StreamOpener((_, _, token) => connections.OpenAsync(token)))
    {
        _connections = connections;
        UseProxy = false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _connections.Dispose();
        }

        base.Dispose(disposing);
    }
}
