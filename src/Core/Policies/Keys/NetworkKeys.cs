using System.Collections.Immutable;
using System.Text.Json.Nodes;
using IsolatedAgents.Policies.Rules;

namespace IsolatedAgents.Policies.Keys;

/// <summary>The keys of what is looked at and limited on the way out.</summary>
internal static class NetworkKeys
{
    private const long Tebibyte = 1L << 40;

    public static ImmutableArray<PolicyKey> All { get; } =
    [
        new IntegerKey(
            "network.max_upload_bytes",
            "The most bytes that may be sent to one endpoint; 0 for no limit.",
            0,
            Tebibyte,
            p => p.Network.MaxUploadBytes,
            (p, v) => p with { Network = p.Network with { MaxUploadBytes = v } }
        )
        {
            Notes = "All connections to the endpoint count together.",
        },
        new IntegerKey(
            "network.max_connections",
            "The most connections at once.",
            1,
            65_536,
            p => p.Network.MaxConnections,
            (p, v) => p with { Network = p.Network with { MaxConnections = (int)v } }
        ),
        new ObjectListKey<InspectedEndpoint>(
            "network.inspect",
            "Endpoints whose TLS is opened on the way, and what may be asked of them.",
            [
                new("endpoint", "One of the allowed endpoints, no range; without a port 443.", RequestRules.CheckInspected)
                {
                    IsRequired = true,
                },
                new("allow", "Methods and paths that may be asked for, * for anything; without it all.", RequestRules.CheckRequest)
                {
                    IsList = true,
                },
                new(
                    "uncounted",
                    "Methods and paths that limits.max_model_tokens lets pass although it cannot count them; * for anything.",
                    RequestRules.CheckRequest
                )
                {
                    IsList = true,
                },
            ],
            p => p.Network.Inspect,
            (p, v) => p with { Network = p.Network with { Inspect = v } },
            values => new InspectedEndpoint(values.One("endpoint")!, values.Many("allow")) { Uncounted = values.Many("uncounted") },
            Inspected
        )
        {
            ItemName = "inspect",
            Placeholder = "JSON",
            Notes = "See [what an agent may reach](network.md).",
        },
        new ObjectListKey<EndpointCredential>(
            "network.credentials",
            "Credentials that the agent never sees: it gets a placeholder, and the real value is set on the way to one inspected endpoint.",
            [
                new("endpoint", "One of the inspected endpoints; without a port 443.", RequestRules.CheckOneHost) { IsRequired = true },
                new("header", "The header that carries the credential.", RequestRules.CheckHeader) { IsRequired = true },
                new("from_env", "The host variable that holds it.", EnvironmentNames.Check) { IsRequired = true },
                new(
                    "format",
                    "The header's value, {} for the credential; 'Bearer {}' for Authorization, else '{}'.",
                    RequestRules.CheckFormat
                ),
                new(
                    "placeholder_env",
                    "The agent's variable that gets the placeholder; by default named as from_env.",
                    EnvironmentNames.Check
                ),
            ],
            p => p.Network.Credentials,
            (p, v) => p with { Network = p.Network with { Credentials = v } },
            Credential,
            value => new JsonObject
            {
                ["endpoint"] = value.Endpoint,
                ["header"] = value.Header,
                ["from_env"] = value.FromEnv,
                ["format"] = value.Format,
                ["placeholder_env"] = value.PlaceholderEnv,
            }
        )
        {
            ItemName = "credential",
            Placeholder = "JSON",
        },
        new IntegerKey(
            "limits.max_model_tokens",
            "The most input and output tokens of models behind inspected endpoints; 0 for no limit.",
            0,
            1_000_000_000_000,
            p => p.Limits.MaxModelTokens,
            (p, v) => p with { Limits = p.Limits with { MaxModelTokens = v } }
        ),
    ];

    private static JsonObject Inspected(InspectedEndpoint value)
    {
        JsonObject json = new() { ["endpoint"] = value.Endpoint, ["allow"] = Words.Json(value.Allow) };
        if (!value.Uncounted.IsEmpty)
        {
            json["uncounted"] = Words.Json(value.Uncounted);
        }

        return json;
    }

    private static EndpointCredential Credential(ObjectValues values)
    {
        string header = values.One("header")!;
        string from = values.One("from_env")!;
        string format = values.One("format") ?? (header.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? "Bearer {}" : "{}");
        return new EndpointCredential(values.One("endpoint")!, header, from, format, values.One("placeholder_env") ?? from);
    }
}
