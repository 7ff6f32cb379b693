namespace IsolatedAgents.Egress.Inspection;

/// <summary>What the inspection of a run shares with the rest of its broker.</summary>
/// <param name="Sink">Takes what is found.</param>
/// <param name="Options">Beyond policy and environment.</param>
/// <param name="Limit">Counts connections and requests.</param>
internal sealed record InspectionParts(IEgressSink Sink, EgressOptions Options, ConnectionLimit Limit);
