using System.Text.Json.Serialization;

namespace IsolatedAgents.Audit;

/// <summary>The first entry of a run: what was run, by whom, under what.</summary>
internal sealed record AuditHeader
{
    [JsonPropertyName("timestamp")]
    public required DateTimeOffset Timestamp { get; init; }

    [JsonPropertyName("event.name")]
    public string EventName { get; } = AuditEntryNames.Opened;

    [JsonPropertyName("seq")]
    public long Sequence { get; }

    [JsonPropertyName("session.id")]
    public required string SessionId { get; init; }

    [JsonPropertyName("isolated_agents.policy.sha256")]
    public required string PolicySha256 { get; init; }

    [JsonPropertyName("isolated_agents.policy.file")]
    public string? PolicyFile { get; init; }

    [JsonPropertyName("isolated_agents.agent.name")]
    public required string AgentName { get; init; }

    [JsonPropertyName("isolated_agents.agent.sha256")]
    public required string AgentSha256 { get; init; }

    [JsonPropertyName("container.image.name")]
    public string? Image { get; init; }

    /// <summary>Null where the engine does not have the image yet: the entry of its container has the digest then.</summary>
    [JsonPropertyName("container.image.repo_digests")]
    public string? ImageDigest { get; init; }

    [JsonPropertyName("host.name")]
    public required string HostName { get; init; }

    [JsonPropertyName("os.description")]
    public required string OperatingSystem { get; init; }

    [JsonPropertyName("process.pid")]
    public required int ProcessId { get; init; }
}

/// <summary>The last entry of a run: without it, the run was broken off.</summary>
internal sealed record AuditFooter
{
    [JsonPropertyName("timestamp")]
    public required DateTimeOffset Timestamp { get; init; }

    [JsonPropertyName("event.name")]
    public string EventName { get; } = AuditEntryNames.Sealed;

    [JsonPropertyName("seq")]
    public required long Sequence { get; init; }

    [JsonPropertyName("session.id")]
    public required string SessionId { get; init; }

    [JsonPropertyName("isolated_agents.verdict")]
    public required string Verdict { get; init; }

    /// <summary>Entries of the run before this one, its header included.</summary>
    [JsonPropertyName("isolated_agents.audit.entries")]
    public required long Entries { get; init; }
}

/// <summary>The names of the two entries that are no events.</summary>
internal static class AuditEntryNames
{
    public const string Opened = "audit.opened";
    public const string Sealed = "audit.sealed";
}

[JsonSerializable(typeof(AuditHeader))]
[JsonSerializable(typeof(AuditFooter))]
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class AuditJsonContext : JsonSerializerContext;
