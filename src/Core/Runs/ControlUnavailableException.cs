using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Runs;

/// <summary>The policy asks for a control that this version does not have. Thrown before anything is created.</summary>
internal sealed class ControlUnavailableException(Diagnostic diagnostic) : Exception(diagnostic.Message)
{
    public Diagnostic Diagnostic { get; } = diagnostic;
}
