using System.Collections.Immutable;
using System.Globalization;

namespace IsolatedAgents.Sandbox;

/// <summary>What a container of ours carries, so that a later clean-up can tell an abandoned one from one in use, and ours from anybody else's.</summary>
internal static class SandboxLabels
{
    public const string Session = "dev.isolated-agents.session";
    private const string OwnerPid = "dev.isolated-agents.owner-pid";
    private const string OwnerStart = "dev.isolated-agents.owner-start";
    private const string BootId = "dev.isolated-agents.boot-id";
    private const string Timeout = "dev.isolated-agents.timeout-seconds";

    public static ImmutableSortedDictionary<string, string> Create(string sessionId, int timeoutSeconds)
    {
        ImmutableSortedDictionary<string, string>.Builder labels = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        labels[Session] = sessionId;
        labels[Timeout] = timeoutSeconds.ToString(CultureInfo.InvariantCulture);
        if (OperatingSystem.IsLinux())
        {
            labels[OwnerPid] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            labels[OwnerStart] = OwnStartTicks();
            labels[BootId] = HostBoot.Id;
        }

        return labels.ToImmutable();
    }

    // proc_pid_stat(5): field 22, counted behind the name's closing bracket, since a name may hold anything.
    private static string OwnStartTicks()
    {
        const int FieldsFromState = 19;
        string text = File.ReadAllText("/proc/self/stat");
        return text[(text.LastIndexOf(')') + 2)..].Split(' ')[FieldsFromState];
    }
}
