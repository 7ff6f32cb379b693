namespace IsolatedAgents.Egress.Dialling;

/// <summary>The policy allows a server, and it could not be reached.</summary>
/// <param name="reason">What went wrong, for a person; no full stop.</param>
/// <param name="inner">The cause; null where it is in the reason.</param>
internal sealed class UnreachableException(string reason, Exception? inner = null) : Exception(reason, inner);
