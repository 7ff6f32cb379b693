using System.Globalization;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// Finds the process behind a port of the sandbox. Needs the agent's rights over files, since a process's descriptors are its owner's to
/// see.
/// </summary>
internal static class SocketOwner
{
    // proc_net(5): the local address is the second column, and the inode the tenth.
    private const int AddressColumn = 1;
    private const int InodeColumn = 9;

    /// <summary>The process; 0 where none is found.</summary>
    public static int Find(bool isTcp, int port)
    {
        try
        {
            string table = isTcp ? "tcp" : "udp";
            string? inode = FindInode($"/proc/self/net/{table}", port) ?? FindInode($"/proc/self/net/{table}6", port);
            return inode is null ? 0 : FindProcess($"socket:[{inode}]");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static string? FindInode(string table, int port)
    {
        if (!File.Exists(table))
        {
            return null;
        }

        string end = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        foreach (string line in File.ReadLines(table).Skip(1))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (
                columns.Length > InodeColumn
                && columns[AddressColumn].EndsWith(end, StringComparison.Ordinal)
                && columns[InodeColumn] != "0"
            )
            {
                return columns[InodeColumn];
            }
        }

        return null;
    }

    private static int FindProcess(string socket)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (
                int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
                && processId > 1
                && Holds($"{folder}/fd", socket)
            )
            {
                return processId;
            }
        }

        return 0;
    }

    private static bool Holds(string folder, string socket)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(folder).Any(descriptor => new FileInfo(descriptor).LinkTarget == socket);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is somebody else's.
            return false;
        }
    }
}
