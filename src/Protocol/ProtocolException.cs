namespace IsolatedAgents.Protocol;

/// <summary>The other side sent something that the protocol does not allow. The stream cannot be used any further.</summary>
internal sealed class ProtocolException(string message) : Exception(message);
