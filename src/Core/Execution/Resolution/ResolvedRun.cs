using System.Collections.Frozen;
using System.Collections.Immutable;
using IsolatedAgents.Agents;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress;
using IsolatedAgents.Engines;
using IsolatedAgents.Outputs;
using IsolatedAgents.Policies;
using IsolatedAgents.Repositories;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>A request in which nothing is left to find out but what the engine alone knows. Made before anything is created.</summary>
internal sealed record ResolvedRun
{
    public required string SessionId { get; init; }

    public required LoadedPolicy Loaded { get; init; }

    public required AgentPlan Agent { get; init; }

    /// <summary>Absolute host path; null where the policy shows none.</summary>
    public required string? Workspace { get; init; }

    /// <summary>The inodes of the host files and folders that the agent is shown, by path, as they were when they were checked.</summary>
    public required FrozenDictionary<string, long> Inodes { get; init; }

    /// <summary>Null where outputs are measured and dropped.</summary>
    public required OutputDirectory? Output { get; init; }

    public required string? AuditLog { get; init; }

    public required string? ReportDirectory { get; init; }

    /// <summary>Path of the key that signs the attestation; null when nothing signs it.</summary>
    public string? AttestationKey { get; init; }

    public required EngineKind Engine { get; init; }

    public required TransportKind Transport { get; init; }

    public required DeliveryKind Delivery { get; init; }

    /// <summary>The agent's variables from policy and host. They replace variables of the image with the same name.</summary>
    public required ImmutableSortedDictionary<string, string> Environment { get; init; }

    /// <summary>Values that must never be shown.</summary>
    public required ImmutableArray<string> Secrets { get; init; }

    /// <summary>Configuration files of repositories that the agent is shown without the credentials in them.</summary>
    public ImmutableArray<ShownConfiguration> ShownConfigurations { get; init; } = [];

    /// <summary>The warnings that the run reports and that do not stop it.</summary>
    public ImmutableArray<Diagnostic> Warnings { get; init; } = [];

    /// <summary>Paths that an agent never writes, even in a writable workspace: the policy's globs and the run's own files.</summary>
    public required ImmutableArray<string> ProtectedPaths { get; init; }

    /// <summary>Absolute path of the folder that holds the record of passing runs; null where none is kept.</summary>
    public string? RecordFolder { get; init; }

    /// <summary>The host's variables, which say where git keeps this user's settings.</summary>
    public required FrozenDictionary<string, string> HostEnvironment { get; init; }

    /// <summary>The routes and sweeps that earlier runs remembered for each engine.</summary>
    public EngineMemory EngineMemory { get; init; } = new();

    /// <summary>How the broker reaches servers; what it does by default where null.</summary>
    public EgressOptions? Egress { get; init; }

    /// <summary>Whether the agent may reach anything outside.</summary>
    public bool HasEgress => Policy.Network.AllowedEndpoints.Length > 0;

    /// <summary>Folders that the engine may see although this process is in a container, best first.</summary>
    public ImmutableArray<string> SharedFolders { get; init; } = [];

    public Policy Policy => Loaded.Policy;
}
