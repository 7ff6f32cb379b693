using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Platform.Processes;

namespace IsolatedAgents.Engines;

/// <summary>
/// The labels of our containers, by which a later clean-up tells an abandoned one from one in use, and ours from anybody else's.
/// </summary>
internal static class SandboxLabels
{
    public const string Session = "dev.isolated-agents.session";
    private const string OwnerPid = "dev.isolated-agents.owner-pid";
    private const string OwnerStart = "dev.isolated-agents.owner-start";
    private const string OwnerNamespace = "dev.isolated-agents.owner-pid-namespace";
    private const string BootId = "dev.isolated-agents.boot-id";
    private const string Timeout = "dev.isolated-agents.timeout-seconds";

    public static ImmutableSortedDictionary<string, string> Create(string sessionId, int timeoutSeconds)
    {
        ImmutableSortedDictionary<string, string>.Builder labels = ImmutableSortedDictionary.CreateBuilder<string, string>(
            StringComparer.Ordinal
        );
        labels[Session] = sessionId;
        labels[Timeout] = timeoutSeconds.ToString(CultureInfo.InvariantCulture);
        if (SandboxOwner.Current is { } owner)
        {
            labels[OwnerPid] = owner.Pid.ToString(CultureInfo.InvariantCulture);
            labels[OwnerStart] = owner.StartTicks.ToString(CultureInfo.InvariantCulture);
            labels[OwnerNamespace] = owner.PidNamespace.ToString(CultureInfo.InvariantCulture);
            labels[BootId] = owner.BootId;
        }

        return labels.ToImmutable();
    }

    /// <summary>The process that a container with these labels was made for; null where they do not tell.</summary>
    public static SandboxOwner? Owner(IReadOnlyDictionary<string, string> labels) =>
        SandboxOwner.Parse(
            $"{Value(labels, BootId)} {Value(labels, OwnerNamespace)} {Value(labels, OwnerPid)} {Value(labels, OwnerStart)}"
        );

    /// <summary>The time limit of the agent in a container with these labels; null where they do not tell.</summary>
    public static TimeSpan? TimeLimit(IReadOnlyDictionary<string, string> labels) =>
        int.TryParse(Value(labels, Timeout), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;

    private static string Value(IReadOnlyDictionary<string, string> labels, string name) =>
        labels.TryGetValue(name, out string? value) ? value : "";
}
