using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Hosts.Azure;
using IsolatedAgents.Hosts.GitHub;

namespace IsolatedAgents.Hosts;

/// <summary>The build hosts that a process knows. The first one that is present counts.</summary>
internal sealed class BuildHosts(ImmutableArray<BuildHost> hosts)
{
    /// <summary>The word for the host that the variables show.</summary>
    public const string Automatic = "auto";

    /// <summary>The word for no host: a plain log.</summary>
    public const string NoHost = "none";

    /// <summary>Those that the product knows.</summary>
    public static BuildHosts Known { get; } = new([new GitHubHost(), new AzureHost()]);

    /// <summary>All of them.</summary>
    public ImmutableArray<BuildHost> All => hosts;

    /// <summary>The words that choose a host.</summary>
    public ImmutableArray<string> Words => [Automatic, .. hosts.Select(host => host.Name), NoHost];

    /// <summary>The host that a process runs on; null where it runs on none of them.</summary>
    public BuildHost? Find(FrozenDictionary<string, string> environment) => hosts.FirstOrDefault(host => host.IsPresent(environment));

    /// <summary>The host that a word of <see cref="Words"/> chooses.</summary>
    /// <returns>Whether the word is known; the host is null where the word, or the process's variables, choose none.</returns>
    public (bool IsKnown, BuildHost? Host) Choose(string word, FrozenDictionary<string, string> environment)
    {
        if (word.Equals(Automatic, StringComparison.OrdinalIgnoreCase))
        {
            return (true, Find(environment));
        }

        BuildHost? named = hosts.FirstOrDefault(host => host.Name.Equals(word, StringComparison.OrdinalIgnoreCase));
        return (named is not null || word.Equals(NoHost, StringComparison.OrdinalIgnoreCase), named);
    }
}
