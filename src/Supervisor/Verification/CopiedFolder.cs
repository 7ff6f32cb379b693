using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Verification;

/// <summary>
/// A folder that the host filled with copies, where no mount can keep the agent from writing: ownership and permissions have to.
/// </summary>
internal static unsafe class CopiedFolder
{
    private const uint WritableByOthers = 0x12;

    /// <summary>
    /// Finds an entry of the folder that the agent could change; null when there is none. Looks at all entries and follows no link.
    /// </summary>
    public static string? FindWritable(string path)
    {
        FileStatus status;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            KernelException.ThrowIfFailed($"stat '{path}'", LibC.fstatat(CurrentDirectory, pointer, &status, NoFollow));
        }

        if (status.UserId != 0)
        {
            return $"'{path}' does not belong to root";
        }

        // A link has no permissions of its own; it cannot be changed where its folder cannot.
        if ((status.Mode & TypeMask) == TypeLink)
        {
            return null;
        }

        if ((status.Mode & WritableByOthers) != 0)
        {
            return $"'{path}' is writable for others than root";
        }

        return (status.Mode & TypeMask) == TypeDirectory
            ? Directory.EnumerateFileSystemEntries(path).Select(FindWritable).FirstOrDefault(found => found is not null)
            : null;
    }
}
