using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Follows a path name by name, as the kernel would for another process: what the kernel itself cannot be asked for, since the links of the process file system lead elsewhere for each.
/// Few paths need it.
/// </summary>
internal static class LinkWalk
{
    private const int MaxLinks = 40;
    private const string DeletedSuffix = " (deleted)";

    /// <summary>Follows an absolute path, each byte of it one character.</summary>
    public static PathKind Follow(int processId, string whole, bool followLast, PathBuffer found)
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
            if (target is null && error == AccessDenied)
            {
                target = ReadDescriptor(done);
            }

            if (target is null)
            {
                if (error == InvalidArgument)
                {
                    continue;
                }

                done.AddRange(left);
                found.Set(Plain(Join(done)));
                return error == AccessDenied ? PathKind.Unreachable : PathKind.Missing;
            }

            if (++links > MaxLinks)
            {
                found.Set(here);
                return PathKind.Missing;
            }

            if (here.StartsWith("/proc/", StringComparison.Ordinal) && (target.Contains(":[", StringComparison.Ordinal) || target.StartsWith("anon_inode:", StringComparison.Ordinal) || target.EndsWith(DeletedSuffix, StringComparison.Ordinal)))
            {
                found.Set(here);
                return PathKind.Nameless;
            }

            done.RemoveAt(done.Count - 1);
            if (target.StartsWith('/'))
            {
                done.Clear();
            }

            Push(left, target);
        }

        found.Set(Join(done));
        int fd = KernelPath.Open(found.Terminated(), OpenNoFollow, ResolveNoSymbolicLinks);
        if (fd < 0)
        {
            return Marshal.GetLastPInvokeError() == AccessDenied ? PathKind.Unreachable : PathKind.Missing;
        }

        PathKind kind = KernelPath.KindOf(fd);
        LibC.close(fd);
        return kind;
    }

    /// <summary>A path without <c>.</c>, <c>..</c> and needless slashes; right where no link is in it.</summary>
    public static string Plain(string path)
    {
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

    private static string? ReadLink(string path, out int error)
    {
        PathBuffer text = new();
        text.Set(path);
        bool isLink = KernelPath.TryReadLink(text.Terminated(), text);
        error = Marshal.GetLastPInvokeError();
        return isLink ? Encoding.Latin1.GetString(text.Bytes) : null;
    }

    // One of a process that has made itself one that others may not look into.
    private static string? ReadDescriptor(List<string> names)
    {
        PathBuffer text = new();
        return names is ["proc", .., var process, "fd", var descriptor]
            && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
            && int.TryParse(descriptor, NumberStyles.None, CultureInfo.InvariantCulture, out int fd)
            && ProcessDescriptor.TryRead(processId, fd, text)
                ? Encoding.Latin1.GetString(text.Bytes)
                : null;
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
