namespace IsolatedAgents.Supervisor.Egress;

/// <summary>An endpoint that the agent's connections arrive at.</summary>
/// <param name="Fd">Listens.</param>
/// <param name="Host">Name or address that is asked for.</param>
/// <param name="Target">Port that is asked for.</param>
internal sealed record ListeningEndpoint(int Fd, string Host, int Target)
{
    /// <summary>The port that is listened on.</summary>
    public int Port { get; } = EgressSocket.PortOf(Fd);
}
