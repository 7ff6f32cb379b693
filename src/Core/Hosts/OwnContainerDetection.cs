using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Hosts;

/// <summary>Finds out whether this process runs in a container, and which.</summary>
internal static partial class OwnContainerDetection
{
    private static readonly string[] Marks = ["/.dockerenv", "/run/.containerenv"];

    /// <summary>The container; null where there is none.</summary>
    public static OwnContainer? Find(BuildHosts hosts, FrozenDictionary<string, string> environment)
    {
        if (!OperatingSystem.IsLinux() || !Marks.Any(File.Exists))
        {
            return null;
        }

        ImmutableArray<string> temporary =
        [
            .. hosts.All.Select(host => environment.GetValueOrDefault(host.TemporaryFolderVariable) ?? "").Where(path => path.Length > 0),
            Path.GetTempPath(),
        ];
        return new OwnContainer(
            IdFromMounts() ?? Environment.MachineName,
            [.. hosts.All.SelectMany(host => host.AssumedMappings(environment))],
            temporary
        );
    }

    // An engine writes this container's own hostname file, below its id. The host's name is that id unless somebody chose another.
    private static string? IdFromMounts()
    {
        try
        {
            return File.ReadLines("/proc/self/mountinfo")
                .Select(line => IdPattern().Match(line))
                .FirstOrDefault(match => match.Success)
                ?.Groups[1]
                .Value;
        }
        catch (IOException)
        {
            return null;
        }
    }

    [GeneratedRegex("/containers/(?:overlay-containers/)?([0-9a-f]{64})/(?:userdata/)?hostname ")]
    private static partial Regex IdPattern();
}
