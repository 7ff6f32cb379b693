using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Engines;

/// <summary>The machinery failed, and not the agent. Caught once, by the runner, and never a pass.</summary>
/// <param name="code">A row of <see cref="DiagnosticTable"/> in the range IA2xxx.</param>
/// <param name="message">One line: what failed and what to do.</param>
/// <param name="inner">What the engine's client said.</param>
internal class EngineException(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    public string Code { get; } = code;
}
