using IsolatedAgents.Egress.Inspection.Requests;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Ends what is under way on a connection once its agent is gone. The HTTP server does not look at a connection whose request it has read,
/// and would wait for a silent server's answer to nobody.
/// </summary>
/// <remarks>
/// An end of what the agent sends, be it TCP's or TLS's, is none in HTTP/1.1: clients that send no more may well wait for the answer. So
/// what counts is whether any process still holds the connection. In HTTP/2 it is an end, as no client can go on without sending, and the
/// HTTP server takes it as such.
/// </remarks>
internal static class Departure
{
    // What the agent has sent before it left, the server gets, as it would if the connection were its own. But nobody waits for long until
    // a server can be reached.
    private static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Watches until it is cancelled, or has ended the requests.</summary>
    public static async Task WatchAsync(InspectedConnection connection, Task gone, CancellationToken cancellationToken)
    {
        try
        {
            // Where it fails, this side has closed the connection, and the agent is as good as gone.
            await Task.WhenAny(connection.Connection.Agent.WhenLeftAsync(cancellationToken), gone).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            TimeProvider time = TimeProvider.System;
            long since = time.GetTimestamp();
            OpenExchanges exchanges = connection.Exchanges;
            do
            {
                await Task.Delay(LookInterval, cancellationToken).ConfigureAwait(false);
            } while (exchanges.IsAnySending || (exchanges.IsAnyUnsent && time.GetElapsedTime(since) < ConnectTime));

            if (exchanges.IsAny)
            {
                connection.Connection.NoteError("The agent left before the answer was complete");
            }

            connection.Close();
        }
        catch (OperationCanceledException)
        {
            // The connection ended first.
        }
    }
}
