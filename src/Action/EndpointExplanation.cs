using IsolatedAgents.Egress.Inspection;
using IsolatedAgents.Execution;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary>The output of <c>policy explain</c> for a host, with or without a port.</summary>
internal static class EndpointExplanation
{
    public static Explanation Of(Policy policy, string asked)
    {
        Checked<string> endpoint = EndpointRules.Check(asked);
        string plain = endpoint.Value
            ?? throw UsageErrors.New($"'{QuotedText.Of(asked)}' is neither an absolute path nor a host: {endpoint.Problem}.");
        if (plain.Contains('*', StringComparison.Ordinal) || plain.Contains('/', StringComparison.Ordinal))
        {
            throw UsageErrors.New($"'{QuotedText.Of(asked)}' is more than one host; ask for one, such as 'api.example.com:443'.");
        }

        int colon = plain.LastIndexOf(':');
        bool hasPort = colon > plain.LastIndexOf(']') && colon > 0;
        string host = (hasPort ? plain[..colon] : plain).Trim('[', ']');
        EgressTarget[] targets = hasPort
            ? [new EgressTarget(host, int.Parse(plain.AsSpan(colon + 1), provider: null))]
            : [.. EndpointDecision.Ports(policy, host).Select(port => new EgressTarget(host, port))];
        return new Explanation(plain, [.. targets.Select(target => Access(policy, target, hasPort))], [.. Notes(policy, host, targets)]);
    }

    private static AccessExplanation Access(Policy policy, EgressTarget target, bool hasPort)
    {
        EndpointDecision decision = EndpointDecision.Decide(policy, target);
        return new AccessExplanation(
            "connect",
            new FileDecision(decision.IsAllowed, EgressAllowlist.Key, decision.Entry, decision.Reason),
            hasPort ? null : target.Port
        );
    }

    private static IEnumerable<string> Notes(Policy policy, string host, EgressTarget[] targets)
    {
        if (EndpointDecision.Addresses(policy, host) is { Length: > 0 } addresses)
        {
            yield return addresses;
        }

        foreach (EgressTarget target in targets)
        {
            if (InspectionOrder.For(policy, target) is { } inspected)
            {
                yield return $"{target} is inspected by network.inspect: {inspected.Endpoint}; {(inspected.Allow.IsEmpty ? "anything may be asked for" : "allowed are " + string.Join(", ", inspected.Allow))}";
            }

            foreach (
                EndpointCredential credential in policy.Network.Credentials.Where(credential => credential.Endpoint == target.ToString())
            )
            {
                yield return $"{target} gets the header {credential.Header} from the host's {credential.FromEnv}; the agent has a placeholder in {credential.PlaceholderEnv}";
            }
        }

        foreach (ExpectedViolation expected in policy.ExpectedViolations)
        {
            ExpectedViolations alone = new([expected]);
            if (
                alone.Matches(ViolationKind.Network, host) || targets.Any(target => alone.Matches(ViolationKind.Network, target.ToString()))
            )
            {
                yield return $"A refusal is expected by expected_violations: {expected.Match}: {expected.Reason}";
            }
        }
    }
}
