using System.Globalization;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>How requests of a connection name the server that it was made to; put together once, and compared with each request.</summary>
internal sealed class TargetAuthority
{
    private const string Scheme = "https://";

    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string _host;
    private readonly string _port;
    private readonly string _prefix;

    public TargetAuthority(EgressTarget target)
    {
        _host = target.Host.Contains(':', StringComparison.Ordinal) ? $"[{target.Host}]" : target.Host;
        _port = string.Create(CultureInfo.InvariantCulture, $":{target.Port}");
        _prefix = Scheme + _host + _port;
        OfHeader = target.Port == 443 ? _host : _host + _port;
    }

    /// <summary>As the header Host has it.</summary>
    public string OfHeader { get; }

    /// <summary>The address of a path and query on the server, both as they were sent.</summary>
    public Uri Address(string pathAndQuery) => new(_prefix + pathAndQuery, AsWritten);

    /// <summary>Path and query of an absolute address; null when the address is another server's.</summary>
    public string? RestOf(string address)
    {
        if (
            !address.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || !address.AsSpan(Scheme.Length).StartsWith(_host, StringComparison.OrdinalIgnoreCase)
        )
        {
            return null;
        }

        string rest = address[(Scheme.Length + _host.Length)..];
        return rest.StartsWith(_port, StringComparison.Ordinal) ? rest[_port.Length..] : rest;
    }

    /// <summary>Whether a header Host names the server, with its port or without, with a final dot or without.</summary>
    public bool IsNamedBy(ReadOnlySpan<char> authority)
    {
        ReadOnlySpan<char> host = authority.EndsWith(_port, StringComparison.Ordinal) ? authority[..^_port.Length] : authority;
        return host.Equals(_host, StringComparison.OrdinalIgnoreCase)
            || (host.EndsWith(".", StringComparison.Ordinal) && host[..^1].Equals(_host, StringComparison.OrdinalIgnoreCase));
    }
}
