using System.Globalization;
using System.Net;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Protocol;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Suggestions;

/// <summary>The very endpoints that were refused, and what of them no entry may or can allow.</summary>
internal sealed class EndpointSuggestions(Policy policy)
{
    private const int Max = 1000;

    // What follows a name that can lead nowhere but to this machine, its networks or its cloud.
    private static readonly string[] PrivateDomains = ["localhost", "local", "internal"];

    private readonly EndpointMatcher _allowed = EgressAllowlist.Of(policy);
    private readonly SortedSet<string> _found = new(StringComparer.Ordinal);

    /// <summary>The entries to add; a host without a port covers ports 443 and 80.</summary>
    public IEnumerable<string> Added =>
        _found.Where(entry => !_found.Any(other => other != entry && (entry == other + ":443" || entry == other + ":80")));

    /// <summary>Takes one refusal.</summary>
    /// <param name="host">Name or address, as the record has it.</param>
    /// <param name="port">Port; 0 for a name that was looked up.</param>
    /// <param name="reason">Why it was refused.</param>
    /// <returns>Why no entry is suggested, as one sentence without a full stop; null where one is, or none is needed any more.</returns>
    public string? Take(string host, int port, string reason)
    {
        string subject = QuotedText.Of(EndpointText.Of(host, port));
        bool isLookup = reason == EgressAllowlist.NameRefused;
        if (!isLookup && reason != EgressAllowlist.Refused)
        {
            return $"network connection to {subject}: {QuotedText.Of(reason)}; no entry of network.allowed_endpoints mends that";
        }

        string entry = EndpointText.Of(host, port);
        if (
            EndpointRules.Check(entry).Value != entry
            || host.Contains('*', StringComparison.Ordinal)
            || host.Contains('/', StringComparison.Ordinal)
            || (port == 0 && !isLookup)
        )
        {
            return $"network connection to {subject}: no entry can name it";
        }

        if (IPAddress.TryParse(host, out IPAddress? address) ? AddressGuard.Problem(address) is not null : IsPrivateName(host))
        {
            return $"network connection to {subject}: it is of this machine, a private network or its cloud; add it by hand, with its address, only if that is meant";
        }

        if (port > 0 ? _allowed.IsAllowed(host, port) : _allowed.IsNameKnown(host))
        {
            return null;
        }

        if (_found.Count < Max)
        {
            _found.Add(entry);
            return null;
        }

        return "more endpoints than these: an agent that asks for so many is looking for one that is open";
    }

    private static bool IsPrivateName(string host) =>
        !host.Contains('.', StringComparison.Ordinal)
        || PrivateDomains.Any(domain => host.EndsWith("." + domain, StringComparison.Ordinal));

    /// <summary>The limit that a refusal met, from its reason ("More than 3 …"); 0 where it says none.</summary>
    public static long LimitOf(string reason) =>
        reason.Split(' ') is ["More", "than", { } number, ..]
        && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long limit)
        && limit <= 1L << 40
            ? limit
            : 0;
}
