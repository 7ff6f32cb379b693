using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Sandbox;

/// <summary>A started sandbox and how it is reached.</summary>
/// <param name="Container">Its container.</param>
/// <param name="Route">The route that served.</param>
/// <param name="Channel">The route's folder; null where it has none.</param>
internal sealed record StartedSandbox(ISandboxContainer Container, SandboxRoute Route, ChannelFolder? Channel);

/// <summary>
/// Starts a sandbox over the best route that the engine proves to serve: the socket and mounts first. An engine that does not see this
/// machine's folders refuses to mount a folder of a random name, and a supervisor under another kernel does not reach the socket; nothing
/// is assumed from addresses.
/// </summary>
/// <param name="engine">Where it is started.</param>
/// <param name="request">How it may be reached.</param>
internal sealed class SandboxStarter(IContainerEngine engine, SandboxStart request)
{
    private bool IsFree => request is { Transport: TransportKind.Auto, Delivery: DeliveryKind.Auto };

    /// <summary>Starts it.</summary>
    /// <param name="sessionId">The run.</param>
    /// <param name="createSpec">Gives the container's settings for a route and its folder.</param>
    /// <param name="cancellationToken">Ends the attempt; nothing is left of it.</param>
    /// <exception cref="EngineException">No route that is allowed serves.</exception>
    public async Task<StartedSandbox> StartAsync(
        string sessionId,
        Func<SandboxRoute, ChannelFolder?, SandboxSpec> createSpec,
        CancellationToken cancellationToken
    )
    {
        SandboxRoute route = First();
        while (true)
        {
            ChannelFolder? channel = route is { UsesSocket: false, CopiesFiles: true } ? null : CreateChannel(sessionId, route);
            try
            {
                ISandboxContainer container = await engine
                    .StartAsync(createSpec(route, channel), route.UsesSocket ? channel : null, cancellationToken)
                    .ConfigureAwait(false);
                if (IsFree)
                {
                    request.Memory.Remember(engine.Description.Address, route);
                }

                return new StartedSandbox(container, route, channel);
            }
            catch (SandboxUnreachableException failure) when (Next(route, failure) is { } next)
            {
                channel?.Dispose();
                route = next;
            }
            catch
            {
                channel?.Dispose();
                throw;
            }
        }
    }

    private ChannelFolder CreateChannel(string sessionId, SandboxRoute route)
    {
        try
        {
            return ChannelFolder.Create(sessionId, route.UsesSocket, request.HasConnections, request.ChannelParent);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"No folder for the sandbox's channel can be made in '{request.ChannelParent ?? Path.GetTempPath()}': {failure.Message} Make room there, or point TMPDIR at a folder that can be written.",
                failure
            );
        }
    }

    private SandboxRoute First()
    {
        if (IsFree && request.Memory.RouteOf(engine.Description.Address) is { } found)
        {
            return found;
        }

        // Only Linux containers under this very kernel can reach a socket of ours.
        return new SandboxRoute(
            UsesSocket: request.Transport == TransportKind.Socket || (request.Transport == TransportKind.Auto && OperatingSystem.IsLinux()),
            CopiesFiles: request.Delivery == DeliveryKind.Copy
        );
    }

    private SandboxRoute? Next(SandboxRoute failed, SandboxUnreachableException failure)
    {
        SandboxRoute next = failure.IsMountRefused
            ? new SandboxRoute(
                failed.UsesSocket && request.Transport == TransportKind.Socket,
                failed.CopiesFiles || request.Delivery != DeliveryKind.Mount
            )
            : failed with
            {
                UsesSocket = failed.UsesSocket && request.Transport == TransportKind.Socket,
            };
        return next == failed ? null : next;
    }
}
