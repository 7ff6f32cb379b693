namespace IsolatedAgents.Platform.Processes;

/// <summary>This machine's kernel, from its start to its end.</summary>
internal static class HostBoot
{
    /// <summary>The kernel's random id of this boot (random(4), <c>boot_id</c>); empty where the system has none.</summary>
    public static string Id { get; } = OperatingSystem.IsLinux() ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "";
}
