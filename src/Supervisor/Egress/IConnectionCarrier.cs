namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Brings the agent's connections to the host. The observer's.</summary>
internal interface IConnectionCarrier
{
    /// <summary>Brings those to an endpoint from now on.</summary>
    void Open(ListeningEndpoint endpoint);

    /// <summary>Brings those that have arrived at an endpoint until now, and closes it.</summary>
    void Close(ListeningEndpoint endpoint);
}
