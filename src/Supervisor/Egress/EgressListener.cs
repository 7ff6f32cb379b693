namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Takes the agent's connections to one endpoint, for their bytes to be carried in frames. The loop's.</summary>
internal sealed class EgressListener(ListeningEndpoint endpoint, FrameCarrier carrier) : EgressSource(endpoint.Fd)
{
    private const int MaxAccepted = 64;

    public override void OnReady(uint events) => Accept(MaxAccepted);

    public override void BeforeClose() => Accept(int.MaxValue);

    // So many at once, so that a flood to one endpoint leaves the others their turn.
    private void Accept(int max)
    {
        int connection;
        for (int i = 0; i < max && (connection = EgressSocket.Accept(Fd)) >= 0; i++)
        {
            carrier.Carry(connection, endpoint.Host, endpoint.Target);
        }
    }
}
