using System.Text;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>Connections to sockets that have a path.</summary>
internal static unsafe class UnixSocket
{
    // include/uapi/linux/un.h: struct sockaddr_un is the family (2 bytes) and the path, ended by 0, in 108.
    private const int PathOffset = 2;
    private const int PathLength = 108;

    /// <summary>Connects, and gives the descriptor, which closes on exec.</summary>
    public static int Connect(string path)
    {
        Span<byte> address = stackalloc byte[PathOffset + PathLength];
        address.Clear();
        address[0] = AddressFamilyUnix;
        int length = Encoding.UTF8.GetBytes(path, address[PathOffset..^1]);
        int fd = LibC.socket(AddressFamilyUnix, SocketStream | OpenCloseOnExec, 0);
        KernelException.ThrowIfFailed("socket", fd);
        fixed (byte* pointer = address)
        {
            KernelException.ThrowIfFailed("connect to the host", LibC.connect(fd, pointer, PathOffset + length + 1));
        }

        return fd;
    }

    /// <summary>The owner of a file or folder, whose links are not followed.</summary>
    public static int OwnerOf(string path)
    {
        FileStatus status;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            KernelException.ThrowIfFailed($"stat '{path}'", LibC.fstatat(CurrentDirectory, pointer, &status, NoFollow));
        }

        return (int)status.UserId;
    }
}
