namespace IsolatedAgents.Egress;

/// <summary>
/// Counts what an agent has open at once: connections, and where requests can be seen those that run beside another on one connection,
/// since each may be a connection to the server.
/// </summary>
/// <param name="most">The most of them.</param>
internal sealed class ConnectionLimit(int most)
{
    private int _count;

    /// <summary>Counts one more, whether or not that is too many.</summary>
    public bool Enter() => Interlocked.Increment(ref _count) <= most;

    public void Leave() => Interlocked.Decrement(ref _count);

    /// <summary>The reason of the violation when there are too many connections.</summary>
    public EgressRefusedException Refusal(string what) => new($"More than {most} {what} at once", "network.max_connections");
}
