using System.Collections.Frozen;

namespace IsolatedAgents.Action.Hosts;

/// <summary>The build hosts whose log commands are known.</summary>
internal enum BuildHostKind
{
    /// <summary>By the process's variables.</summary>
    Auto,

    /// <summary>GitHub Actions.</summary>
    GitHub,

    /// <summary>Azure Pipelines.</summary>
    Azure,

    /// <summary>None: a plain log.</summary>
    None,
}

/// <summary>Finds out which host a process runs on.</summary>
internal static class BuildHostDetection
{
    /// <summary>The host that a choice stands for.</summary>
    public static BuildHostKind Resolve(BuildHostKind chosen, FrozenDictionary<string, string> environment) => chosen switch
    {
        BuildHostKind.Auto when IsTrue(environment, "GITHUB_ACTIONS") => BuildHostKind.GitHub,
        BuildHostKind.Auto when IsTrue(environment, "TF_BUILD") => BuildHostKind.Azure,
        BuildHostKind.Auto => BuildHostKind.None,
        _ => chosen,
    };

    private static bool IsTrue(FrozenDictionary<string, string> environment, string name) =>
        environment.TryGetValue(name, out string? value) && value.Equals("true", StringComparison.OrdinalIgnoreCase);
}
