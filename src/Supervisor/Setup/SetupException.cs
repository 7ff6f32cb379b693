using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Setup;

/// <summary>The sandbox is not as it must be, or the agent cannot be started in it.</summary>
internal sealed class SetupException(SetupFailureKind kind, string subject, string detail) : Exception(detail)
{
    public SetupFailureKind Kind { get; } = kind;

    public string Subject { get; } = subject;
}
