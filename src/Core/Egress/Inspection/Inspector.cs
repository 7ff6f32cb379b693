using System.Runtime.CompilerServices;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Egress.Inspection.Upstream;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>The inspection of one run: which connections it takes, and its authority. Absent where the policy inspects nothing.</summary>
internal sealed class Inspector : IAsyncDisposable
{
    private readonly EndpointMatcher _endpoints;
    private readonly IInspector _server;
    private readonly RunAuthority _authority;

    private Inspector(EndpointMatcher endpoints, RunAuthority authority, IInspector server)
    {
        _endpoints = endpoints;
        _authority = authority;
        _server = server;
    }

    public string AuthorityPem => _authority.Pem;

    /// <summary>Null where nothing is inspected: then nothing of ASP.NET Core is loaded either.</summary>
    /// <exception cref="Diagnostics.ConfigurationException">IA2004: the framework that it needs is not there.</exception>
    public static Inspector? Create(Policy policy, Dialler dialler, InspectionParts parts)
    {
        if (policy.Network.Inspect.IsEmpty)
        {
            return null;
        }

        AspNetCoreFramework.MakeAvailable();
        return CreateServer(policy, dialler, parts);
    }

    public bool Takes(EgressTarget target) => _endpoints.IsAllowed(target.Host, target.Port);

    public Task ServeAsync(Relaying.EgressConnection connection, CancellationToken cancellationToken) =>
        _server.ServeAsync(connection, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync().ConfigureAwait(false);
        _authority.Dispose();
    }

    /// <summary>Not inlined: what it names must not be loaded before its caller has made that possible.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Inspector CreateServer(Policy policy, Dialler dialler, InspectionParts parts)
    {
        RunAuthority authority = new(parts.Options.Time);
        (EndpointMatcher Matcher, RequestAllowance Allowance)[] rules =
        [
            .. InspectionOrder.Of(policy).Select(entry => (new EndpointMatcher([entry.Endpoint]), new RequestAllowance(entry))),
        ];
        InspectedRequests requests = new(new UpstreamClient(dialler, parts.Options), parts, new ModelTokens(policy.Limits.MaxModelTokens));
        InspectionServer server = new(
            authority,
            parts,
            target => rules.First(rule => rule.Matcher.IsAllowed(target.Host, target.Port)).Allowance,
            requests
        );
        return new Inspector(new EndpointMatcher(policy.Network.Inspect.Select(entry => entry.Endpoint)), authority, server);
    }
}
