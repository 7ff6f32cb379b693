using System.Collections.Concurrent;

namespace IsolatedAgents.Engines;

/// <summary>
/// Remembers for the next run the routes and sweeps of each engine. It lives as long as its owner: an <c>AgentRunner</c>, one build on one
/// node, one command. Safe for runs at the same time.
/// </summary>
internal sealed class EngineMemory
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<Uri, SandboxRoute> _routes = new();
    private readonly ConcurrentDictionary<Uri, long> _sweeps = new();

    /// <summary>The route that an engine was found to serve; null where no run has found out yet.</summary>
    public SandboxRoute? RouteOf(Uri engine) => _routes.TryGetValue(engine, out SandboxRoute route) ? route : null;

    /// <summary>Remembers the route that an engine serves.</summary>
    public void Remember(Uri engine, SandboxRoute route) => _routes[engine] = route;

    /// <summary>Whether an engine has to be swept now. The answer is yes once in ten minutes.</summary>
    public bool IsSweepDue(Uri engine)
    {
        long now = TimeProvider.System.GetTimestamp();
        if (_sweeps.TryAdd(engine, now))
        {
            return true;
        }

        long last = _sweeps[engine];
        return TimeProvider.System.GetElapsedTime(last, now) >= SweepInterval && _sweeps.TryUpdate(engine, now, last);
    }
}
