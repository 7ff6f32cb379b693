using System.Text;

namespace IsolatedAgents.Telemetry;

/// <summary>The abilities of the terminal or file that trees are written to.</summary>
/// <param name="Color">Whether colour is wanted and understood.</param>
/// <param name="Unicode">Whether box lines and emoji arrive whole.</param>
internal sealed record RichCapabilities(bool Color, bool Unicode)
{
    private static readonly string[] BuildHosts =
    [
        "CI",
        "GITHUB_ACTIONS",
        "TF_BUILD",
        "BUILD_ID",
        "BUILDKITE",
        "CIRCLECI",
        "TEAMCITY_VERSION",
        "APPVEYOR",
        "TRAVIS",
        "GITLAB_CI",
        "JENKINS_URL",
        "BAMBOO_BUILD_NUMBER",
    ];

    /// <summary>Neither: what any log can show.</summary>
    public static RichCapabilities Plain { get; } = new(false, false);

    /// <summary>
    /// Decides from the environment. Everything but a terminal that a person looks at, in UTF-8 and without NO_COLOR, gets plain text.
    /// </summary>
    /// <param name="environment">The process's variables.</param>
    /// <param name="isTerminal">Whether the output is a terminal.</param>
    /// <param name="encoding">The output's encoding.</param>
    public static RichCapabilities Detect(IReadOnlyDictionary<string, string> environment, bool isTerminal, Encoding encoding)
    {
        bool plain =
            !isTerminal
            || IsSet(environment, "NO_COLOR")
            || (environment.TryGetValue("TERM", out string? terminal) && terminal == "dumb")
            || encoding.CodePage != Encoding.UTF8.CodePage
            || BuildHosts.Any(name => IsSet(environment, name));
        return plain ? Plain : new RichCapabilities(true, true);
    }

    private static bool IsSet(IReadOnlyDictionary<string, string> environment, string name) =>
        environment.TryGetValue(name, out string? value) && value is not ("" or "0" or "false");
}
