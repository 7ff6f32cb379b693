using System.Collections.Frozen;

namespace IsolatedAgents.Policies.Keys;

/// <summary>Settings of container engines that people look for and that would take the sandbox away.</summary>
internal static class NeverAvailable
{
    private static readonly FrozenSet<string> Names = new[]
    {
        "privileged",
        "cap_add",
        "capadd",
        "capabilities",
        "security_opt",
        "seccomp",
        "seccomp_profile",
        "apparmor",
        "apparmor_profile",
        "selinux",
        "no_new_privileges",
        "network_mode",
        "pid_mode",
        "ipc_mode",
        "uts_mode",
        "userns_mode",
        "cgroupns_mode",
        "cgroup_parent",
        "pid",
        "ipc",
        "uts",
        "userns",
        "host_network",
        "host_pid",
        "host_ipc",
        "devices",
        "device",
        "device_cgroup_rules",
        "gpus",
        "volumes",
        "volume",
        "binds",
        "mounts",
        "volumes_from",
        "tmpfs",
        "runtime",
        "sysctls",
        "ulimits",
        "user",
        "group_add",
        "extra_hosts",
        "dns",
        "ports",
        "expose",
        "publish",
        "links",
        "docker_args",
        "engine_args",
        "extra_args",
        "run_args",
        "container_args",
        "docker_socket",
    }
        .Select(NearestName.Simplified)
        .ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The setting to use instead of <paramref name="name"/>; null where it is no such setting.</summary>
    public static string? Instead(string name)
    {
        string simple = NearestName.Simplified(name);
        if (!Names.Contains(simple))
        {
            return null;
        }

        if (simple.Contains("volume", StringComparison.Ordinal) || simple is "binds" or "mounts")
        {
            return "use 'readonly_mounts' to show files to the agent";
        }

        return
            simple.Contains("network", StringComparison.Ordinal)
            || simple is "ports" or "expose" or "publish" or "dns" or "extrahosts" or "links"
            ? "use 'network.allowed_endpoints' to name what the agent may reach"
            : "remove it";
    }
}
