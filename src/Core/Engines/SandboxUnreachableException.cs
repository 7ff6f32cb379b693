namespace IsolatedAgents.Engines;

/// <summary>An engine cannot do what one route to the sandbox needs; another route may serve.</summary>
/// <param name="code">A row of the table of codes in the range IA2xxx.</param>
/// <param name="message">One line: what failed and what to do.</param>
/// <param name="isMountRefused">Whether it does not see this machine's files; otherwise the supervisor did not reach the socket.</param>
/// <param name="inner">What the engine's client said.</param>
internal sealed class SandboxUnreachableException(string code, string message, bool isMountRefused, Exception? inner = null)
    : EngineException(code, message, inner)
{
    public bool IsMountRefused { get; } = isMountRefused;
}
