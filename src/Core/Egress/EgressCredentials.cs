using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Egress;

/// <summary>The credentials of one run: what the agent gets in their place, and what must be masked.</summary>
internal sealed class EgressCredentials
{
    private EgressCredentials()
    {
    }

    /// <summary>Variables for the agent's environment, each with its placeholder.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; private init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>The real values, for the masker.</summary>
    public ImmutableArray<string> Secrets { get; private init; } = [];

    /// <summary>Reads the credentials that a policy names from the host's variables.</summary>
    /// <exception cref="Diagnostics.ConfigurationException">A variable is not set or too short to be masked.</exception>
    public static EgressCredentials Resolve(LoadedPolicy loaded, FrozenDictionary<string, string> hostEnvironment)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        ArgumentNullException.ThrowIfNull(hostEnvironment);
        return new EgressCredentials();
    }
}
