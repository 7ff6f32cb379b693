using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Policies.Access;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>Checks a request on an inspected connection.</summary>
internal static class InspectedRequestRules
{
    /// <summary>Path and query as they were sent.</summary>
    /// <exception cref="EgressRefusedException">The request is not for the target, or not for a path.</exception>
    public static string Target(IHttpRequestFeature request, TargetAuthority target)
    {
        string raw = request.RawTarget;
        if (raw.StartsWith('/') || (raw == "*" && request.Method == "OPTIONS"))
        {
            return raw == "*" ? throw Refused("'OPTIONS *' is not passed on") : raw;
        }

        string? rest = target.RestOf(raw);
        return rest?.StartsWith('/') == true
            ? rest
            : throw Refused("The HTTP request's target is neither a path nor an address of the host that was asked for");
    }

    /// <summary>The path of an address that <see cref="TargetAuthority.Address"/> made, as it was sent.</summary>
    public static string Path(Uri address)
    {
        string written = address.PathAndQuery;
        return written[..(written.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? query : written.Length)];
    }

    /// <exception cref="EgressRefusedException">Another host, a tunnel, or not among the requests that the policy allows.</exception>
    public static void RequireAllowed(
        IFeatureCollection context,
        IHttpRequestFeature request,
        InspectedConnection connection,
        string path,
        string uri
    )
    {
        EgressTarget target = connection.Connection.Target;
        StringValues host = request.Headers.Host;
        if (host.Count != 1 || !connection.Authority.IsNamedBy(host[0]!))
        {
            throw Refused($"The HTTP request names '{Short(host.ToString())}', but the connection was made to '{target}'");
        }

        if (uri.AsSpan().ContainsAnyExceptInRange('!', '~') || uri.Contains('#', StringComparison.Ordinal))
        {
            throw Refused("The HTTP request's target holds a blank, a control character or '#'");
        }

        bool isUpgrade =
            context.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true
            || context.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect == true
            || request.Method == "CONNECT";
        if (isUpgrade && !IsWebSocket(context, request))
        {
            throw new EgressRefusedException(
                "The HTTP request asks for another protocol than WebSocket over HTTP/1.1, which cannot be inspected",
                "network.inspect"
            );
        }

        if (connection.Allowance.Problem(request.Method, path) is { } problem)
        {
            throw new EgressRefusedException(problem, "network.inspect");
        }
    }

    /// <summary>A server answers TRACE with the request itself, header and all.</summary>
    /// <exception cref="EgressRefusedException">The method is one of those, and no rule of the policy names it.</exception>
    public static void RequireNoEcho(string method, string path, InspectedConnection connection, EgressCredentials? credentials)
    {
        if (
            method.ToUpperInvariant() is "TRACE" or "TRACK" or "CONNECT" or "DEBUG"
            && credentials?.For(connection.Connection.Target).Count > 0
            && !connection.Allowance.Names(method, path)
        )
        {
            throw new EgressRefusedException(
                $"'{method} {RequestAllowance.Short(path)}' would give the credential of this endpoint away; list it in 'allow' by its method if it may be asked for",
                EgressCredentials.Key
            );
        }
    }

    /// <summary>Whether a request asks to go on as a WebSocket (RFC 6455, 4.1).</summary>
    public static bool IsWebSocket(IFeatureCollection context, IHttpRequestFeature request) =>
        context.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true
        && request.Method == "GET"
        && request.Headers.Upgrade is [{ } protocol]
        && protocol.Equals("websocket", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="EgressRefusedException">A placeholder stands anywhere but in the header that it is for.</exception>
    public static void RequireNoPlaceholder(IHttpRequestFeature request, string uri, EgressCredentials? credentials, EgressTarget target)
    {
        if (credentials is null)
        {
            return;
        }

        if (credentials.IsIn(request.Method))
        {
            throw EgressCredentials.Refusal("as a method");
        }

        if (credentials.IsIn(uri))
        {
            throw EgressCredentials.Refusal("in a path or query");
        }

        foreach ((string name, StringValues values) in request.Headers)
        {
            if (credentials.IsIn(name))
            {
                throw EgressCredentials.Refusal($"to '{target}' as the name of a header");
            }

            if (
                credentials.IsIn(values.ToString())
                && !credentials.For(target).Any(credential => credential.Header.Equals(name, StringComparison.OrdinalIgnoreCase))
            )
            {
                throw EgressCredentials.Refusal($"to '{target}' in the header '{Short(name)}', where it is no credential");
            }
        }
    }

    private static string Short(string text) => text.Length > 200 ? text[..200] + "…" : text;

    private static EgressRefusedException Refused(string reason) => new(reason, EgressAllowlist.Key);
}
