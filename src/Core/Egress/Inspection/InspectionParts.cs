namespace IsolatedAgents.Egress.Inspection;

/// <summary>The parts of a broker that the inspection of its run shares.</summary>
/// <param name="Sink">Takes what is found.</param>
/// <param name="Options">Beyond policy and environment.</param>
/// <param name="Limit">Counts connections and requests.</param>
internal sealed record InspectionParts(IEgressSink Sink, EgressOptions Options, ConnectionLimit Limit);
