using System.Runtime.InteropServices;
using System.Text;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>The kind of entry that a path leads to.</summary>
internal enum PathKind
{
    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>A regular file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A link, which was not to be followed.</summary>
    Link,

    /// <summary>A device, FIFO or socket.</summary>
    Special,

    /// <summary>A pipe, or something else that was opened before and has no path.</summary>
    Nameless,

    /// <summary>Something behind a folder that the agent cannot pass: the kernel refuses it.</summary>
    Unreachable,
}

/// <summary>
/// Finds out where a path of the agent's leads, as the kernel would for that very process: path_resolution(7). Runs with the agent's own
/// rights over files, in one thread. What most paths need is found without a link to follow, and without memory that is not there already.
/// </summary>
internal sealed class PathResolver
{
    private readonly FolderCache _folders = new();
    private readonly ProcessFolders _processes = new();
    private readonly PathBuffer _whole = new();

    /// <summary>Follows <paramref name="path"/> from <paramref name="directory"/>, which may be AT_FDCWD.</summary>
    /// <param name="processId">Whose path it is.</param>
    /// <param name="directory">A descriptor of that process.</param>
    /// <param name="path">As it was given, without a 0 behind it.</param>
    /// <param name="followLast">Whether a link at its end is followed.</param>
    /// <param name="found">Takes the path: absolute and without links.</param>
    /// <returns>Null where nobody can tell where it begins, although the process may know.</returns>
    public PathKind? Resolve(int processId, int directory, ReadOnlySpan<byte> path, bool followLast, PathBuffer found)
    {
        _whole.Clear();
        if (path is not [(byte)'/', ..])
        {
            // Many programs put it before each path, and it leads nowhere.
            while (path is [(byte)'.', (byte)'/', not (byte)'/', ..])
            {
                path = path[2..];
            }

            bool isRead = _processes.TryRead(processId, directory, _whole);
            if (!isRead || _whole.Bytes is not [(byte)'/', ..])
            {
                bool isKnown = isRead || Marshal.GetLastPInvokeError() is NoEntry or BadDescriptor;
                found.Clear();
                found.Append(path);
                return isKnown ? PathKind.Nameless : null;
            }

            // Without a name, what is meant is what the descriptor stands for.
            if (_whole.Length > 1 && !path.IsEmpty)
            {
                _whole.Append((byte)'/');
            }
        }

        _whole.Append(path);
        bool follow = followLast || path is [.., (byte)'/'];
        PathKind? kind = TryFindInFolder(found);
        return kind switch
        {
            null => Look(processId, follow, found),
            PathKind.Link when follow => LookThroughLinks(processId, follow, found),
            _ => kind.Value,
        };
    }

    /// <summary>The agent moves or removes a folder or a link, or may.</summary>
    public void Forget() => _folders.Forget();

    /// <summary>Lets go of all that is held open.</summary>
    public void Close()
    {
        _folders.Forget();
        _processes.Forget();
    }

    /// <summary>The program that a process runs; none where that is not known.</summary>
    public static void ReadProgram(int processId, PathBuffer program)
    {
        Span<byte> link = stackalloc byte[32];
        KernelPath.Format("/proc/"u8, processId, "/exe"u8, null, link);
        if (!KernelPath.TryReadLink(link, program))
        {
            program.Clear();
        }
    }

    // Null where it takes more than this one look; a link is left to the caller to follow.
    private PathKind? TryFindInFolder(PathBuffer found)
    {
        ReadOnlySpan<byte> path = _whole.Bytes;
        int slash = path.LastIndexOf((byte)'/');
        if (slash <= 0 || !IsPlain(path) || KernelPath.IsOfProcess(path))
        {
            return null;
        }

        Span<byte> folder = stackalloc byte[slash + 1];
        path[..slash].CopyTo(folder);
        folder[slash] = 0;
        if (!_folders.TryFind(folder, out int fd, out ReadOnlySpan<byte> leads))
        {
            return null;
        }

        PathKind? kind = KernelPath.KindOf(fd, _whole.Terminated()[(slash + 1)..]);
        if (kind is null)
        {
            kind = Marshal.GetLastPInvokeError() switch
            {
                NoEntry => PathKind.Missing,
                AccessDenied => PathKind.Unreachable,
                _ => null,
            };
        }

        if (kind is not null)
        {
            found.Clear();
            found.Append(leads.Length > 1 ? leads : default).Append(path[slash..]);
        }

        return kind;
    }

    private PathKind Look(int processId, bool follow, PathBuffer found)
    {
        int fd = KernelPath.Open(_whole.Terminated(), follow ? 0 : OpenNoFollow, ResolveNoSymbolicLinks);
        if (fd >= 0)
        {
            PathKind kind = KernelPath.KindOf(fd);
            LibC.close(fd);
            SetPlain(_whole.Bytes, found);
            return kind;
        }

        int error = Marshal.GetLastPInvokeError();
        if (error is NoEntry or NotDirectory or AccessDenied)
        {
            SetPlain(_whole.Bytes, found);
            return error == AccessDenied ? PathKind.Unreachable : PathKind.Missing;
        }

        return LookThroughLinks(processId, follow, found);
    }

    // The kernel follows links that are the same for every process; not those of the process file system, which here would be the
    // supervisor's own.
    private PathKind LookThroughLinks(int processId, bool follow, PathBuffer found)
    {
        int fd = KernelPath.Open(_whole.Terminated(), follow ? 0 : OpenNoFollow, ResolveNoMagicLinks);
        if (fd >= 0)
        {
            PathKind kind = KernelPath.KindOf(fd);
            bool isFound = KernelPath.TryRead(fd, found) && !KernelPath.IsOfProcess(found.Bytes);
            LibC.close(fd);
            if (isFound)
            {
                return kind;
            }
        }

        return new LinkWalk(processId, follow).Follow(Encoding.Latin1.GetString(_whole.Bytes), found);
    }

    // Without links, what is written is what is meant.
    private static void SetPlain(ReadOnlySpan<byte> path, PathBuffer found)
    {
        found.Clear();
        if (IsPlain(path))
        {
            found.Append(path);
        }
        else
        {
            found.Set(LinkWalk.Plain(Encoding.Latin1.GetString(path)));
        }
    }

    // Whether every name of it is one, and no slash too many.
    private static bool IsPlain(ReadOnlySpan<byte> path)
    {
        if (path.IndexOf("//"u8) >= 0 || (path.Length > 1 && path[^1] == '/'))
        {
            return false;
        }

        for (int at; (at = path.IndexOf("/."u8)) >= 0; path = path[1..])
        {
            path = path[at..];
            if (path is [_, _] or [_, _, (byte)'/', ..] or [_, _, (byte)'.'] or [_, _, (byte)'.', (byte)'/', ..])
            {
                return false;
            }
        }

        return true;
    }
}
