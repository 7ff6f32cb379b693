namespace IsolatedAgents.Engines;

/// <summary>Waits on this machine for the supervisor of one sandbox to connect.</summary>
internal interface ITransportListener
{
    /// <summary>Takes the supervisor's connections, and accepts none afterwards.</summary>
    Task<ISandboxTransport> AcceptAsync(CancellationToken cancellationToken);
}
