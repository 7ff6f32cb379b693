using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Workspaces;

/// <summary>
/// Makes the links of copied folders that lead out of them. No engine takes such a link in an archive; in the sandbox it leads nowhere, or
/// to what the rules for files hold of. Runs before the agent does, and follows no link on its way.
/// </summary>
internal static unsafe class LinkMaker
{
    private const uint Permissions = 0xFFF;
    private const uint OwnerWrite = 0x80;

    /// <param name="links">The sandbox path of each, followed by what it leads to.</param>
    /// <param name="isMeant">Which of them are made, by their paths: as the user whose folder they are in.</param>
    /// <exception cref="SetupException">One could not be made.</exception>
    public static void Make(string[] links, Predicate<string> isMeant)
    {
        for (int i = 0; i < links.Length; i += 2)
        {
            if (isMeant(links[i]))
            {
                Make(links[i], links[i + 1]);
            }
        }
    }

    private static void Make(string path, string target)
    {
        int slash = path.LastIndexOf('/');
        int folder = OpenFolder(path[..slash]);
        if (folder < 0)
        {
            throw new SetupException(SetupFailureKind.Isolation, "copied links", $"the folder of '{path}' cannot be opened");
        }

        FileStatus status;
        LibC.fstat(folder, &status);
        fixed (
            byte* name = Terminated(path[(slash + 1)..]),
                pointer = Terminated(target),
                self = ".\0"u8
        )
        {
            // A folder that nobody may write to is its owner's to open for a moment.
            bool isClosed =
                (status.Mode & OwnerWrite) == 0 && LibC.fchmodat(folder, self, (status.Mode & Permissions) | OwnerWrite, 0) == 0;
            int made = LibC.symlinkat(pointer, folder, name);
            int failure = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
            if (isClosed)
            {
                _ = LibC.fchmodat(folder, self, status.Mode & Permissions, 0);
            }

            LibC.close(folder);
            if (made < 0)
            {
                throw new SetupException(SetupFailureKind.Isolation, "copied links", $"'{path}' cannot be made: error {failure}");
            }
        }
    }

    private static int OpenFolder(string path)
    {
        int folder = Open(CurrentDirectory, "/");
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            int below = Open(folder, name);
            LibC.close(folder);
            if (below < 0)
            {
                return below;
            }

            folder = below;
        }

        return folder;
    }

    private static int Open(int folder, string name)
    {
        fixed (byte* pointer = Terminated(name))
        {
            return LibC.openat(folder, pointer, OpenReadOnly | OpenDirectory | OpenNoFollow | OpenCloseOnExec, 0);
        }
    }

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];
}
