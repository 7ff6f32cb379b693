using System.Collections.Frozen;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress;

/// <summary>Connects an agent to what its policy allows, and to nothing else. One for each run.</summary>
internal sealed class EgressBroker : IAsyncDisposable
{
    private readonly EndpointMatcher _allowed;
    private readonly IEgressSink _sink;
    private readonly EgressOptions _options;
    private readonly FrozenDictionary<string, string> _hostEnvironment;

    public EgressBroker(Policy policy, IEgressSink sink, FrozenDictionary<string, string> hostEnvironment, EgressOptions? options = null)
    {
        _allowed = EgressAllowlist.Of(policy);
        _sink = sink;
        _hostEnvironment = hostEnvironment;
        _options = options ?? new EgressOptions();
    }

    /// <summary>Bytes to servers, of all connections so far.</summary>
    public long BytesSent { get; private set; }

    /// <summary>Bytes from servers, of all connections so far.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>Serves one connection of the agent to its end, and closes it. Throws nothing but what the sink throws and cancellation.</summary>
    /// <param name="agent">The agent's connection; owned from here on.</param>
    /// <param name="target">What it asked for.</param>
    /// <param name="cancellationToken">Ends the connection with a reset.</param>
    public async Task HandleAsync(DuplexStream agent, EgressTarget target, CancellationToken cancellationToken)
    {
        _ = (_options, _hostEnvironment);
        cancellationToken.ThrowIfCancellationRequested();
        if (!_allowed.IsAllowed(target.Host, target.Port))
        {
            await _sink.BlockedAsync(target, "Not in allowed endpoints", EgressAllowlist.Key).ConfigureAwait(false);
        }

        agent.Abort();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
