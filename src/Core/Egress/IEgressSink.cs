using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress;

/// <summary>Takes what the broker finds. Its calls come from many connections at once; what it throws ends that connection.</summary>
internal interface IEgressSink
{
    /// <summary>A request, or a connection whose requests cannot be seen, was let through.</summary>
    ValueTask AllowedAsync(EgressRequest request);

    /// <summary>Something was refused.</summary>
    /// <param name="target">What was asked for.</param>
    /// <param name="reason">Why, for a person; no full stop. May hold what the agent wrote.</param>
    /// <param name="rule">The policy key that decides it: <c>network.allowed_endpoints</c>.</param>
    ValueTask BlockedAsync(EgressTarget target, string reason, string rule);

    /// <summary>A connection to a server ended, or could not be opened (then with no bytes).</summary>
    /// <param name="target">What was asked for.</param>
    /// <param name="sent">Bytes to the server.</param>
    /// <param name="received">Bytes from the server.</param>
    /// <param name="duration">From the agent's connection on.</param>
    /// <param name="error">What went wrong on the way to the server, for a person; null where nothing did.</param>
    ValueTask ClosedAsync(EgressTarget target, long sent, long received, TimeSpan duration, string? error);

    /// <summary>A model was used.</summary>
    ValueTask ModelUsedAsync(ModelUsage usage);

    /// <summary>All uses together have passed <c>limits.max_model_tokens</c>: the run is to end. Told once.</summary>
    /// <param name="used">Input and output tokens of all uses.</param>
    /// <param name="limit">The limit.</param>
    ValueTask ModelLimitExceededAsync(long used, long limit);
}
