using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Serves connections to inspected endpoints. An interface, so that nothing of ASP.NET Core is loaded where only this is named.
/// </summary>
internal interface IInspector : IAsyncDisposable
{
    /// <summary>Serves one connection to its end.</summary>
    /// <exception cref="EgressRefusedException">
    /// The connection may not go on; refused requests are told and answered one by one.
    /// </exception>
    Task ServeAsync(EgressConnection connection, CancellationToken cancellationToken);
}
