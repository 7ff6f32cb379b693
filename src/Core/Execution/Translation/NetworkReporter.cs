using IsolatedAgents.Events;
using IsolatedAgents.Policies;
using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Translation;

/// <summary>Tells what the agent wanted of the network and did not get, wherever that was refused.</summary>
internal sealed class NetworkReporter(RunEvents events, AgentStop stop)
{
    /// <summary>Reports one refusal, as what was blocked and as the violation that it is.</summary>
    public async ValueTask DenyAsync(NetworkRefusal refusal)
    {
        (string host, int port, string reason, string rule) = refusal;
        bool isExpected =
            events.Expected.Matches(ViolationKind.Network, port > 0 ? EndpointText.Of(host, port) : host)
            || (port > 0 && events.Expected.Matches(ViolationKind.Network, host));
        await events.RaiseAsync(new NetworkBlocked(host, port, reason, "Denied", refusal.Count)).ConfigureAwait(false);
        ViolationNetwork violation = new(host, port, reason, "Connection blocked", rule, refusal.Process, refusal.Count, isExpected);
        await events.RaiseAsync(violation).ConfigureAwait(false);
        if (!isExpected)
        {
            await stop.ForViolationAsync().ConfigureAwait(false);
        }
    }
}
