namespace IsolatedAgents.Egress;

/// <summary>The policy does not let a connection or a request go on.</summary>
/// <param name="reason">Why, for a person; no full stop.</param>
/// <param name="rule">The policy key that decides it.</param>
internal sealed class EgressRefusedException(string reason, string rule) : Exception(reason)
{
    public string Rule => rule;

    /// <summary>Whether the sink knows already.</summary>
    public bool IsTold { get; set; }
}
