using System.Security.Cryptography;
using System.Text;

namespace IsolatedAgents.Agents;

/// <summary>One SHA-256 for an agent's code: a file's content, a folder's names and contents, or a command's text.</summary>
internal static class AgentHash
{
    /// <summary>The hash in lower-case hex.</summary>
    public static string Compute(AgentPlan agent)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (agent.Mount is not { HostPath: { } path })
        {
            hash.AppendData(Encoding.UTF8.GetBytes(agent.Name));
        }
        else if (File.Exists(path))
        {
            hash.AppendData(FileHash(path));
        }
        else
        {
            foreach (string file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                // Hashes of fixed length, so that no name can be taken for a part of a content.
                hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetRelativePath(path, file))));
                hash.AppendData(FileHash(file));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static byte[] FileHash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return SHA256.HashData(stream);
    }
}
