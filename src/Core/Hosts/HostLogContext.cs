using System.Collections.Frozen;

namespace IsolatedAgents.Hosts;

/// <summary>The surroundings in which a host's log shows a run.</summary>
/// <param name="Log">The log.</param>
/// <param name="Environment">The process's variables.</param>
/// <param name="AuditLog">Absolute path of the run's audit log; null where there is none.</param>
/// <param name="ShowsGroups">Whether the log may hold anything but events.</param>
internal sealed record HostLogContext(CommandWriter Log, FrozenDictionary<string, string> Environment, string? AuditLog, bool ShowsGroups);
