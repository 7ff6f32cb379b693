using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor.Identity;

/// <summary>Files of the sandbox's own for the agent's programs, in a folder in memory that only root can write to.</summary>
internal static unsafe class OwnFiles
{
    // SandboxPaths.Trust names the same folder, and the files that variables lead to.
    private const string Folder = "/etc/isolated-agents";
    private const string AuthorityFile = $"{Folder}/ca.pem";
    private const string BundleFile = $"{Folder}/bundle.pem";
    private const string GitFile = $"{Folder}/gitconfig";

    /// <summary>The users that the agent's programs are shown in place of the image's.</summary>
    public const string Users = $"{Folder}/passwd";

    /// <summary>The groups that they are shown.</summary>
    public const string Groups = $"{Folder}/group";

    // include/uapi/linux/stat.h: 0644
    private const uint ReadableByAll = 0x1A4;

    // The image's own system configuration holds beside it. A workspace of root's, as container jobs have it, is one that git would refuse
    // to look at.
    private const string GitConfiguration =
        "[include]\n\tpath = /etc/gitconfig\n[safe]\n\tdirectory = /workspace\n\tdirectory = /workspace/.git\n\tdirectory = /workspace/./.git\n";

    // Where distributions keep the authorities that everybody trusts.
    private static readonly string[] SystemBundles =
    [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    /// <summary>Writes what git is to know of the workspace.</summary>
    public static void WriteGitConfiguration() => WriteReadable(GitFile, GitConfiguration);

    /// <summary>Writes the image's users and groups with the agent among them.</summary>
    /// <param name="users">Those of the image.</param>
    /// <param name="agent">The agent's entry.</param>
    public static void WriteUsers(UserDatabase users, UserEntry agent)
    {
        WriteReadable(Users, users.UsersWith(agent));
        WriteReadable(Groups, users.GroupsWith(agent));
    }

    /// <summary>Writes certificates alone, and together with those of the image; nothing where none are given.</summary>
    /// <param name="certificates">In PEM.</param>
    public static void WriteCertificates(string certificates)
    {
        if (certificates.Length == 0)
        {
            return;
        }

        string system = SystemBundles.FirstOrDefault(File.Exists) is { } bundle ? File.ReadAllText(bundle) : "";
        WriteReadable(AuthorityFile, certificates);
        WriteReadable(BundleFile, $"{system.TrimEnd()}\n{certificates}");
    }

    // A user database is bytes, each of which was read as one character.
    private static void WriteReadable(string path, string text)
    {
        File.WriteAllBytes(path, System.Text.Encoding.Latin1.GetBytes(text));
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            KernelException.ThrowIfFailed("chmod", LibC.chmod(pointer, ReadableByAll));
        }
    }
}
