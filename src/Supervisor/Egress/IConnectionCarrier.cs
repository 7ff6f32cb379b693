namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Brings the agent's connections to the host.</summary>
internal interface IConnectionCarrier
{
    /// <summary>Takes a connection that the agent has opened, and its descriptor with it.</summary>
    void Carry(int fd, string host, int port);
}
