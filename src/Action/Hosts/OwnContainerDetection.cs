using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Action.Hosts;

/// <summary>Finds out whether this process runs in a container, and which.</summary>
internal static partial class OwnContainerDetection
{
    private static readonly string[] TemporaryVariables = ["RUNNER_TEMP", "AGENT_TEMPDIRECTORY"];

    private static readonly string[] Marks = ["/.dockerenv", "/run/.containerenv"];

    /// <summary>The container; null where there is none.</summary>
    public static OwnContainer? Find(FrozenDictionary<string, string> environment)
    {
        if (!OperatingSystem.IsLinux() || !Marks.Any(File.Exists))
        {
            return null;
        }

        ImmutableArray<string> temporary = [.. TemporaryVariables.Select(name => environment.GetValueOrDefault(name)).OfType<string>().Where(path => path.Length > 0), Path.GetTempPath()];
        return new OwnContainer(IdFromMounts() ?? Environment.MachineName, [.. Assume(environment)], temporary);
    }

    // An engine writes this container's own hostname file, below its id. The host's name is that id unless somebody chose another.
    private static string? IdFromMounts()
    {
        try
        {
            return File.ReadLines("/proc/self/mountinfo").Select(line => IdPattern().Match(line)).FirstOrDefault(match => match.Success)?.Groups[1].Value;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // RUNNER_WORKSPACE stays a path of the runner's machine, and the repository's folder and the temporary one have their places around it.
    private static IEnumerable<PathMapping> Assume(FrozenDictionary<string, string> environment)
    {
        if (environment.GetValueOrDefault("RUNNER_WORKSPACE") is not { Length: > 0 } parent)
        {
            yield break;
        }

        if (environment.GetValueOrDefault("GITHUB_WORKSPACE") is { Length: > 0 } workspace && environment.GetValueOrDefault("GITHUB_REPOSITORY")?.Split('/') is [_, { Length: > 0 } repository])
        {
            yield return new PathMapping(workspace, $"{parent}/{repository}");
        }

        if (environment.GetValueOrDefault("RUNNER_TEMP") is { Length: > 0 } temporary && Path.GetDirectoryName(parent) is { } work)
        {
            yield return new PathMapping(temporary, $"{work}/_temp");
        }
    }

    [GeneratedRegex("/containers/(?:overlay-containers/)?([0-9a-f]{64})/(?:userdata/)?hostname ")]
    private static partial Regex IdPattern();
}
