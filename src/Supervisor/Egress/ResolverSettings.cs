using System.Net;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Reads the settings for name lookups that the image or the engine gives programs: resolv.conf(5). The sandbox answers wherever that sends
/// them.
/// </summary>
/// <param name="NameServers">Where lookups go; the first is this machine's own.</param>
/// <param name="SearchDomains">What resolvers append to names, in lower case.</param>
/// <param name="Named">Those of the servers that the file names; none where resolvers are to ask this machine.</param>
internal sealed record ResolverSettings(IPAddress[] NameServers, string[] SearchDomains, IPAddress[] Named)
{
    private const string DefaultPath = "/etc/resolv.conf";

    // MAXNS and MAXDNSRCH of the C library, with room for others'.
    private const int MaxServers = 8;
    private const int MaxDomains = 16;

    public static ResolverSettings Read()
    {
        try
        {
            return Parse(File.ReadLines(DefaultPath));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Parse([]);
        }
    }

    public static ResolverSettings Parse(IEnumerable<string> lines)
    {
        // Without the file, or a server in it, resolvers ask this machine, by one family or both.
        List<IPAddress> servers = [IPAddress.Loopback, IPAddress.IPv6Loopback];
        List<IPAddress> named = [];
        List<string> domains = [];
        foreach (string line in lines)
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", { } server, ..] && IPAddress.TryParse(server, out IPAddress? address) && servers.Count < MaxServers)
            {
                named.Add(address);
                if (!servers.Contains(address))
                {
                    servers.Add(address);
                }
            }
            else if (words is ["search" or "domain", ..])
            {
                domains.AddRange(
                    words
                        .Skip(1)
                        .Select(domain => domain.TrimEnd('.').ToLowerInvariant())
                        .Where(domain => domain.Length > 0)
                        .Take(MaxDomains - Math.Min(MaxDomains, domains.Count))
                );
            }
        }

        return new ResolverSettings([.. servers], [.. domains], [.. named]);
    }
}
