using System.Globalization;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Checks entries of <c>network.allowed_endpoints</c>.</summary>
internal static class EndpointRules
{
    private const string Expected = "write 'host', 'host:port', '*.host:port', 'ip:port', '[ipv6]:port' or a range such as '10.1.0.0/16'";

    private const string LocalAdvice =
        "in the sandbox this name is the sandbox itself, which needs no entry; write '127.0.0.1:port' for a port of this machine's own loopback, and let the agent connect to that address";

    /// <summary>Accepts one endpoint and gives its only spelling: lower case, Punycode, no trailing dot, IPv6 in brackets.</summary>
    public static Checked<string> Check(string endpoint)
    {
        if (CharacterRules.Problem(endpoint, allowBlanks: false) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        if (endpoint.Contains("://", StringComparison.Ordinal) || endpoint.Contains('@', StringComparison.Ordinal))
        {
            return Checked<string>.Refused($"an endpoint is not an address of a page; {Expected}");
        }

        if (endpoint.Contains('/', StringComparison.Ordinal))
        {
            return AddressRules.CheckRange(endpoint);
        }

        // More than one colon outside of brackets can only be an IPv6 address without a port.
        if (!endpoint.StartsWith('[') && endpoint.IndexOf(':', StringComparison.Ordinal) != endpoint.LastIndexOf(':'))
        {
            return AddressRules.CheckIPv6(endpoint);
        }

        (string host, string? port) = Split(endpoint);
        if (port is not null && !IsPort(port))
        {
            return Checked<string>.Refused($"the port is a number from 1 to 65535; {Expected}");
        }

        Checked<string> result = CheckHost(host);
        return result.Value is { } normal && port is not null ? $"{normal}:{port}" : result;
    }

    private static (string Host, string? Port) Split(string endpoint)
    {
        int afterHost = endpoint.StartsWith('[')
            ? endpoint.IndexOf(']', StringComparison.Ordinal) + 1
            : endpoint.IndexOf(':', StringComparison.Ordinal);
        if (afterHost <= 0 || afterHost == endpoint.Length)
        {
            return (endpoint, null);
        }

        // "[::1]x" has no colon where the port begins; the host rule then refuses all of it.
        return endpoint[afterHost] == ':' ? (endpoint[..afterHost], endpoint[(afterHost + 1)..]) : (endpoint, null);
    }

    private static bool IsPort(string text) =>
        text.Length is > 0 and <= 5
        && text[0] != '0'
        && text.All(char.IsAsciiDigit)
        && int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) <= 65535;

    private static Checked<string> CheckHost(string host)
    {
        if (host.StartsWith('['))
        {
            return host.EndsWith(']') ? AddressRules.CheckIPv6(host[1..^1]) : Checked<string>.Refused(Expected);
        }

        if (host.Contains('*', StringComparison.Ordinal))
        {
            return CheckWildcard(host);
        }

        Checked<string> result = AddressRules.LooksLikeIPv4(host) ? AddressRules.CheckIPv4(host) : HostNames.Check(host);
        return result.Value is { } name && IsLocal(name) ? Checked<string>.Refused(LocalAdvice) : result;
    }

    // RFC 6761: every resolver answers these with its own machine, and in the sandbox that is the sandbox.
    private static bool IsLocal(string name) => name == "localhost" || name.EndsWith(".localhost", StringComparison.Ordinal);

    private static Checked<string> CheckWildcard(string host)
    {
        if (host == "*")
        {
            return Checked<string>.Refused("it allows every host; name the hosts that the agent needs, such as 'api.example.com'");
        }

        if (!host.StartsWith("*.", StringComparison.Ordinal) || host.LastIndexOf('*') != 0)
        {
            return Checked<string>.Refused("'*' stands for whole labels at the front alone; write it such as '*.example.com'");
        }

        string domain = host[2..];
        if (IsLocal(domain.ToLowerInvariant().TrimEnd('.')))
        {
            return Checked<string>.Refused(LocalAdvice);
        }

        Checked<string> result = AddressRules.LooksLikeIPv4(domain) ? Checked<string>.Refused(Expected) : HostNames.Check(domain);
        if (result.Value is not { } normal)
        {
            return result;
        }

        return PublicSuffixes.Contains(normal)
            ? Checked<string>.Refused(
                $"anyone can have a host under '{normal}'; name one label more, such as '*.example.{normal}', or the hosts themselves"
            )
            : $"*.{normal}";
    }
}
