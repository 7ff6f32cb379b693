using System.Collections.Frozen;
using System.Net;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>
/// The proxies that the host's environment names: <c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c> for port 80, <c>ALL_PROXY</c> for what these leave,
/// and the exceptions in <c>NO_PROXY</c>; lower-case names win.
/// </summary>
internal sealed class UpstreamProxies
{
    private readonly UpstreamProxy? _secure;
    private readonly UpstreamProxy? _plain;
    private readonly string[] _exceptions;

    /// <exception cref="ConfigurationException">IA1003: a variable names no HTTP proxy.</exception>
    public UpstreamProxies(FrozenDictionary<string, string> environment)
    {
        UpstreamProxy? all = Read(environment, "all_proxy");
        _secure = Read(environment, "https_proxy") ?? all;
        _plain = Read(environment, "http_proxy") ?? all;
        _exceptions = Value(environment, "no_proxy")
            ?.ToLowerInvariant()
            .Split([',', ' '], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            ?? [];
    }

    /// <summary>The user names and passwords of all proxies, for the masker.</summary>
    public IEnumerable<string> Secrets =>
        new[] { _secure, _plain }.Select(proxy => proxy?.Password).OfType<string>().Distinct(StringComparer.Ordinal);

    /// <summary>The proxy that opens a tunnel to a target; null where it is dialled directly.</summary>
    public UpstreamProxy? For(EgressTarget target)
    {
        UpstreamProxy? proxy = target.Port == 80 ? _plain : _secure;
        return proxy is null || IsException(target) ? null : proxy;
    }

    /// <summary>The proxy that forwards plain HTTP to a target, at whatever port; null where there is none.</summary>
    public UpstreamProxy? ForPlainHttp(EgressTarget target) => _plain is null || IsException(target) ? null : _plain;

    private bool IsException(EgressTarget target)
    {
        IPAddress? address = target.IsAddress ? IPAddress.Parse(target.Host) : null;
        string port = $":{target.Port}";
        foreach (string entry in _exceptions)
        {
            string host = entry.EndsWith(port, StringComparison.Ordinal) && !entry.EndsWith(']') ? entry[..^port.Length] : entry;
            host = host.Trim('[', ']').TrimStart('*').TrimStart('.');
            if (
                entry == "*"
                || host == target.Host
                || (address is null && host.Length > 0 && target.Host.EndsWith($".{host}", StringComparison.Ordinal))
                || (
                    address is not null
                    && IPNetwork.TryParse(host, out IPNetwork range)
                    && range.BaseAddress.AddressFamily == address.AddressFamily
                    && range.Contains(address)
                )
                || (address is not null && IPAddress.TryParse(host, out IPAddress? same) && same.Equals(address))
            )
            {
                return true;
            }
        }

        return false;
    }

    private static string? Value(FrozenDictionary<string, string> environment, string name) =>
        environment.TryGetValue(name, out string? value) || environment.TryGetValue(name.ToUpperInvariant(), out value)
            ? value.Trim() is { Length: > 0 } text
                ? text
                : null
            : null;

    private static UpstreamProxy? Read(FrozenDictionary<string, string> environment, string name)
    {
        if (Value(environment, name) is not { } text)
        {
            return null;
        }

        // curl takes an address without a scheme for an HTTP proxy, and so do its users.
        return
            Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out Uri? address)
            && address.Scheme == Uri.UriSchemeHttp
            && address.Host.Length > 0
            ? new UpstreamProxy(address)
            : throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The variable '{name.ToUpperInvariant()}' names no HTTP proxy that can be used. Write it such as 'http://user:password@proxy.example:3128', or unset it for this step."
            );
    }
}
