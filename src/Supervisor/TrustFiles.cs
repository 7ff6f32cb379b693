using IsolatedAgents.Supervisor.Interop;

namespace IsolatedAgents.Supervisor;

/// <summary>Certificates that the agent's programs are to trust, in a folder in memory that only root can write to.</summary>
internal static unsafe class TrustFiles
{
    // SandboxPaths.Trust names the same ones.
    private const string Folder = "/etc/isolated-agents";
    private const string OwnFile = $"{Folder}/ca.pem";
    private const string BundleFile = $"{Folder}/bundle.pem";

    // include/uapi/linux/stat.h: 0644
    private const uint ReadableByAll = 0x1A4;

    // Where distributions keep the authorities that everybody trusts.
    private static readonly string[] SystemBundles =
    [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    ];

    /// <summary>Writes the given ones alone, and together with those of the image; nothing where none are given.</summary>
    public static void Write(string certificates)
    {
        if (certificates.Length == 0)
        {
            return;
        }

        string system = SystemBundles.FirstOrDefault(File.Exists) is { } bundle ? File.ReadAllText(bundle) : "";
        WriteReadable(OwnFile, certificates);
        WriteReadable(BundleFile, $"{system.TrimEnd()}\n{certificates}");
    }

    private static void WriteReadable(string path, string text)
    {
        File.WriteAllText(path, text);
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            KernelException.ThrowIfFailed("chmod", LibC.chmod(pointer, ReadableByAll));
        }
    }
}
