using System.Text;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Identity;

/// <summary>Reads a small text file of the image, which may be anything: the read is bounded, and never waits for a pipe.</summary>
internal static unsafe class ImageFile
{
    private const int MaxBytes = 1024 * 1024;

    /// <summary>The lines, each byte as one character; none where there is no such regular file, or where it is too large.</summary>
    /// <param name="path">Absolute path in the image.</param>
    public static string[] ReadLines(string path)
    {
        int fd;
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            fd = LibC.open(pointer, OpenReadOnly | OpenNonBlocking | OpenCloseOnExec, 0);
        }

        if (fd < 0)
        {
            return [];
        }

        try
        {
            FileStatus status;
            return LibC.fstat(fd, &status) == 0 && (status.Mode & TypeMask) == TypeRegular && status.Size <= MaxBytes
                ? ReadLines(fd, (int)status.Size)
                : [];
        }
        finally
        {
            LibC.close(fd);
        }
    }

    private static string[] ReadLines(int fd, int size)
    {
        byte[] bytes = new byte[size];
        int length = 0;
        for (int count; length < size && (count = Descriptor.Read(fd, bytes.AsSpan(length))) > 0; )
        {
            length += count;
        }

        return Encoding.Latin1.GetString(bytes, 0, length).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
