using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress;

/// <summary>Something that was let through: a request where requests can be seen, a connection otherwise.</summary>
/// <param name="Target">What was asked for.</param>
/// <param name="Protocol"><c>HTTP</c> (also inside inspected TLS), <c>TLS</c> or <c>TCP</c>.</param>
internal sealed record EgressRequest(EgressTarget Target, string Protocol)
{
    public const string Http = "HTTP";
    public const string Tls = "TLS";
    public const string Tcp = "TCP";

    /// <summary>HTTP method; null where requests cannot be seen.</summary>
    public string? Method { get; init; }

    /// <summary>HTTP path without its query, which may hold secrets; null where requests cannot be seen.</summary>
    public string? Path { get; init; }

    /// <summary>HTTP status of the answer; null where none came or it cannot be seen.</summary>
    public int? Status { get; init; }

    /// <summary>Address that was dialled; null behind an upstream proxy.</summary>
    public string? Address { get; init; }

    /// <summary>Whether TLS was opened here and closed anew towards the server.</summary>
    public bool IsInspected { get; init; }
}
