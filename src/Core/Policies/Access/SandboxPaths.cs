using System.Collections.Immutable;

namespace IsolatedAgents.Policies.Access;

/// <summary>The fixed paths inside a sandbox.</summary>
internal static class SandboxPaths
{
    public const string Own = "/.isolated-agents";
    public const string Supervisor = $"{Own}/supervisor";
    public const string Channel = $"{Own}/channel";
    public const string Workspace = "/workspace";
    public const string Agent = "/agent";
    public const string Output = "/output";
    public const string Hosts = "/etc/hosts";
    public const string Trust = "/etc/isolated-agents";
    public const string TrustedAuthority = $"{Trust}/ca.pem";
    public const string TrustedBundle = $"{Trust}/bundle.pem";
    public const string GitConfiguration = $"{Trust}/gitconfig";
    public const string Temporary = "/tmp";

    /// <summary>The folder for temporary files of any program.</summary>
    public static ImmutableArray<string> TemporaryFolders { get; } = [Temporary, "/var/tmp"];
}
