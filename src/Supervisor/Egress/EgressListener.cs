namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Takes the agent's connections to one endpoint. The loop's.</summary>
/// <param name="fd">Listens.</param>
/// <param name="host">Name or address that was asked for.</param>
/// <param name="target">Port that was asked for.</param>
/// <param name="carrier">Takes them to the host.</param>
internal sealed class EgressListener(int fd, string host, int target, IConnectionCarrier carrier) : EgressSource(fd)
{
    private const int MaxAccepted = 64;

    /// <summary>The port that is listened on.</summary>
    public int Port { get; } = EgressSocket.PortOf(fd);

    public override void OnReady(uint events) => Accept(MaxAccepted);

    public override void BeforeClose() => Accept(int.MaxValue);

    // So many at once, so that a flood to one endpoint leaves the others their turn.
    private void Accept(int max)
    {
        int connection;
        for (int i = 0; i < max && (connection = EgressSocket.Accept(Fd)) >= 0; i++)
        {
            carrier.Carry(connection, host, target);
        }
    }
}
