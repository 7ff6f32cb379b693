using System.Collections.Frozen;
using System.Diagnostics;

namespace IsolatedAgents.Package.Tests;

/// <summary>
/// How a build is started: with what a user's shell has, and without anything that a build host, an outer build or a test run sets.
/// </summary>
internal static class BuildEnvironment
{
    private static readonly FrozenSet<string> Kept = new[]
    {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TMPDIR",
        "DOTNET_ROOT",
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        "XDG_RUNTIME_DIR",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Set = new Dictionary<string, string>
    {
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["DOTNET_NOLOGO"] = "1",
        ["DOTNET_CLI_UI_LANGUAGE"] = "en",
        ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
        ["DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE"] = "true",
        ["DOTNET_GENERATE_ASPNET_CERTIFICATE"] = "false",
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["NUGET_CERT_REVOCATION_MODE"] = "offline",
        // A compiler server would outlive the build.
        ["UseSharedCompilation"] = "false",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>
    /// Starts <c>dotnet</c> as a shell would in the foreground: with an interrupt that is not ignored, whatever started the tests.
    /// </summary>
    public static ProcessStartInfo Dotnet(string folder, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new("env", ["--default-signal=INT,QUIT", "dotnet", .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.Where(name => !Kept.Contains(name)).ToArray())
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in Set)
        {
            start.Environment[name] = value;
        }

        start.Environment["NUGET_PACKAGES"] = PackageFeed.PackagesFolder;
        return start;
    }
}
