using System.Collections.Immutable;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Requests;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>The methods and paths that may be asked of an inspected endpoint, and those that need not be counted.</summary>
internal sealed class RequestAllowance(InspectedEndpoint endpoint)
{
    private readonly ImmutableArray<RequestPattern> _rules = [.. endpoint.Allow.Select(RequestPattern.Parse)];
    private readonly ImmutableArray<RequestPattern> _uncounted = [.. endpoint.Uncounted.Select(RequestPattern.Parse)];

    /// <summary>Why a request is refused; null where it is not.</summary>
    /// <param name="method">As it was sent.</param>
    /// <param name="path">As it was sent, without query.</param>
    public string? Problem(string method, string path)
    {
        if (_rules.IsEmpty)
        {
            return null;
        }

        // A server would take such a path for another one than a rule sees.
        return RequestPath.IsAmbiguous(path) ? $"The path of '{method} {Short(path)}' can be read in more than one way"
            : _rules.Any(rule => rule.Matches(method, path)) ? null
            : $"'{method} {Short(path)}' is not among the requests that may be made";
    }

    /// <summary>Whether a rule allows the method by its name, and not by a star.</summary>
    public bool Names(string method, string path) => _rules.Any(rule => rule.Method == method && rule.Matches(method, path));

    /// <summary>Whether the policy lets a request pass a limit of model tokens uncounted.</summary>
    public bool IsUncounted(string method, string path) => _uncounted.Any(rule => rule.Matches(method, path));

    /// <summary>A path as messages show it.</summary>
    public static string Short(string path) => path.Length > 200 ? path[..200] + "…" : path;
}
