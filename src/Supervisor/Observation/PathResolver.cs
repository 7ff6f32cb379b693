using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>What a path leads to.</summary>
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

/// <summary>Where a path leads.</summary>
/// <param name="Path">Absolute and without links; each byte as one character.</param>
/// <param name="Kind">What is there.</param>
internal readonly record struct ResolvedPath(string Path, PathKind Kind);

/// <summary>
/// Finds out where a path of the agent's leads, as the kernel would for that very process: path_resolution(7). Runs with the agent's own rights over files.
/// </summary>
internal static unsafe class PathResolver
{
    private const int MaxLinks = 40;
    private const int MaxLinkLength = 4096;
    private const string DeletedSuffix = " (deleted)";

    /// <summary>Follows <paramref name="path"/> from <paramref name="directory"/>, which may be AT_FDCWD.</summary>
    public static ResolvedPath Resolve(int processId, int directory, string path, bool followLast)
    {
        string? start = "/";
        if (!path.StartsWith('/'))
        {
            start = ReadLink(directory == CurrentDirectory ? Invariant($"/proc/{processId}/cwd") : Invariant($"/proc/{processId}/fd/{directory}"), out _);
            if (start is null || !start.StartsWith('/'))
            {
                return new ResolvedPath(path, PathKind.Nameless);
            }
        }

        string whole = path.StartsWith('/') ? path : $"{start}/{path}";
        bool follow = followLast || path.EndsWith('/');
        // Most paths have no link in them, and the kernel can say so at once.
        return Look(whole, follow, out int error) is { } kind ? new ResolvedPath(Plain(whole), kind)
            : error switch
            {
                NoEntry or NotDirectory => new ResolvedPath(Plain(whole), PathKind.Missing),
                AccessDenied => new ResolvedPath(Plain(whole), PathKind.Unreachable),
                _ => Walk(processId, whole, follow),
            };
    }

    /// <summary>The program that a process runs.</summary>
    public static string Program(int processId) => ReadLink(Invariant($"/proc/{processId}/exe"), out _) ?? "";

    private static ResolvedPath Walk(int processId, string whole, bool followLast)
    {
        List<string> done = [];
        Stack<string> left = [];
        Push(left, whole);
        int links = 0;
        while (left.TryPop(out string? name))
        {
            if (name == "..")
            {
                if (done.Count > 0)
                {
                    done.RemoveAt(done.Count - 1);
                }

                continue;
            }

            if (done is ["proc"] && name is "self" or "thread-self")
            {
                // Here they would be the supervisor's own.
                done.AddRange(name == "self" ? [ProcessOf(processId)] : [ProcessOf(processId), "task", Invariant($"{processId}")]);
                continue;
            }

            done.Add(name);
            if (left.Count == 0 && !followLast)
            {
                break;
            }

            string here = Join(done);
            string? target = ReadLink(here, out int error);
            if (target is null)
            {
                if (error == InvalidArgument)
                {
                    continue;
                }

                done.AddRange(left);
                return new ResolvedPath(Plain(Join(done)), error == AccessDenied ? PathKind.Unreachable : PathKind.Missing);
            }

            if (++links > MaxLinks)
            {
                return new ResolvedPath(here, PathKind.Missing);
            }

            if (here.StartsWith("/proc/", StringComparison.Ordinal) && (target.Contains(":[", StringComparison.Ordinal) || target.StartsWith("anon_inode:", StringComparison.Ordinal) || target.EndsWith(DeletedSuffix, StringComparison.Ordinal)))
            {
                return new ResolvedPath(here, PathKind.Nameless);
            }

            done.RemoveAt(done.Count - 1);
            if (target.StartsWith('/'))
            {
                done.Clear();
            }

            Push(left, target);
        }

        string path = Join(done);
        return new ResolvedPath(path, Look(path, follow: false, out int lookError) ?? (lookError == AccessDenied ? PathKind.Unreachable : PathKind.Missing));
    }

    private static void Push(Stack<string> left, string path)
    {
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = names.Length - 1; i >= 0; i--)
        {
            if (names[i] != ".")
            {
                left.Push(names[i]);
            }
        }
    }

    private static string Join(List<string> names) => "/" + string.Join('/', names);

    // Without links, what is written is what is meant.
    private static string Plain(string path)
    {
        if (!path.Contains("//", StringComparison.Ordinal) && !path.Contains("/.", StringComparison.Ordinal) && !(path.Length > 1 && path.EndsWith('/')))
        {
            return path;
        }

        List<string> names = [];
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (name == ".." && names.Count > 0)
            {
                names.RemoveAt(names.Count - 1);
            }
            else if (name is not ("." or ".."))
            {
                names.Add(name);
            }
        }

        return Join(names);
    }

    // What is there, where no link lies in between; null with the kernel's error otherwise.
    private static PathKind? Look(string path, bool follow, out int error)
    {
        OpenHow how = new() { Flags = (ulong)(OpenPath | OpenCloseOnExec | (follow ? 0 : OpenNoFollow)), Resolve = ResolveNoSymbolicLinks };
        Span<byte> buffer = stackalloc byte[path.Length + 1];
        int fd;
        fixed (byte* pointer = Terminate(path, buffer))
        {
            fd = (int)LibC.syscall(SystemCallOpenAt2, CurrentDirectory, (nint)pointer, (nint)(&how), sizeof(OpenHow));
            error = Marshal.GetLastPInvokeError();
        }

        if (fd < 0)
        {
            return null;
        }

        FileStatus status;
        int result = LibC.fstat(fd, &status);
        LibC.close(fd);
        return result < 0 ? PathKind.Missing : (status.Mode & TypeMask) switch
        {
            TypeRegular => PathKind.File,
            TypeDirectory => PathKind.Folder,
            TypeLink => PathKind.Link,
            _ => PathKind.Special,
        };
    }

    private static string? ReadLink(string path, out int error)
    {
        Span<byte> name = stackalloc byte[path.Length + 1];
        Span<byte> target = stackalloc byte[MaxLinkLength];
        fixed (byte* pointer = Terminate(path, name))
        fixed (byte* buffer = target)
        {
            int length = (int)LibC.readlinkat(CurrentDirectory, pointer, buffer, (nuint)target.Length);
            error = Marshal.GetLastPInvokeError();
            return length < 0 ? null : Encoding.Latin1.GetString(target[..length]);
        }
    }

    private static Span<byte> Terminate(string path, Span<byte> buffer)
    {
        Encoding.Latin1.GetBytes(path, buffer);
        buffer[^1] = 0;
        return buffer;
    }

    // A notification names the thread.
    private static string ProcessOf(int threadId)
    {
        const string Field = "Tgid:";
        try
        {
            string? line = File.ReadLines(Invariant($"/proc/{threadId}/status")).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
            return line?[Field.Length..].Trim() ?? Invariant($"{threadId}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return Invariant($"{threadId}");
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
