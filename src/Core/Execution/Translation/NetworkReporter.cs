using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Tells what the agent wanted of the network and did not get, wherever that was refused.</summary>
internal sealed class NetworkReporter(RunEvents events, AgentStop stop)
{
    /// <summary>Tells one refusal, as what was blocked and as the violation that it is.</summary>
    /// <param name="host">Name, address or path, as the agent chose it.</param>
    /// <param name="port">Port; 0 where it has none.</param>
    /// <param name="reason">Why; no full stop.</param>
    /// <param name="rule">The policy key that decided.</param>
    /// <param name="process">The program that tried; null where it is not known.</param>
    /// <param name="count">How many times within a second.</param>
    public async ValueTask DenyAsync(string host, int port, string reason, string rule, string? process, int count)
    {
        bool isExpected = events.Expected.Matches(ViolationKind.Network, port > 0 ? EndpointText.Of(host, port) : host)
            || (port > 0 && events.Expected.Matches(ViolationKind.Network, host));
        await events.RaiseAsync(new NetworkBlocked(host, port, reason, "Denied", count)).ConfigureAwait(false);
        await events.RaiseAsync(new ViolationNetwork(host, port, reason, "Connection blocked", rule, process, count, isExpected)).ConfigureAwait(false);
        if (!isExpected)
        {
            await stop.ForViolationAsync().ConfigureAwait(false);
        }
    }
}
