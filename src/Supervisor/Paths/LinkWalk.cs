using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>
/// Follows a path name by name, as the kernel would for another process: what the kernel itself cannot be asked for, since the links of the
/// process file system lead elsewhere for each. Few paths need it.
/// </summary>
/// <param name="processId">Whose path it is.</param>
/// <param name="followLast">Whether a link at its end is followed.</param>
internal sealed class LinkWalk(int processId, bool followLast)
{
    private const int MaxLinks = 40;
    private const string DeletedSuffix = " (deleted)";

    private readonly List<string> _done = [];
    private readonly Stack<string> _left = [];
    private int _links;

    /// <summary>Follows an absolute path, each byte of it one character.</summary>
    public PathKind Follow(string whole, PathBuffer found)
    {
        Push(whole);
        while (_left.TryPop(out string? name))
        {
            PathKind? end = Step(name);
            if (end is not null)
            {
                // What could not be passed keeps the rest as it was written.
                found.Set(
                    end is PathKind.Nameless || _links > MaxLinks ? Join(_done)
                    // Where a way up from what the supervisor alone may pass would lead is not known.
                    : FileRules.IsSupervisors(Join(_done)) ? Join([.. _done, .. _left])
                    : Plain(Join([.. _done, .. _left]))
                );
                return end.Value;
            }
        }

        found.Set(Join(_done));
        int fd = KernelPath.Open(found.Terminated(), OpenNoFollow, ResolveNoSymbolicLinks);
        if (fd < 0)
        {
            return Marshal.GetLastPInvokeError() == AccessDenied ? PathKind.Unreachable : PathKind.Missing;
        }

        PathKind kind = KernelPath.KindOf(fd);
        LibC.close(fd);
        return kind;
    }

    // What the path leads to, where the walk ends here; null where it goes on.
    private PathKind? Step(string name)
    {
        if (name == "..")
        {
            if (_done.Count > 0)
            {
                _done.RemoveAt(_done.Count - 1);
            }

            return null;
        }

        if (_done is ["proc"] && name is "self" or "thread-self")
        {
            // Here they would be the supervisor's own.
            _done.AddRange(name == "self" ? [ProcessOf(processId)] : [ProcessOf(processId), "task", Invariant($"{processId}")]);
            return null;
        }

        _done.Add(name);
        return _left.Count == 0 && !followLast ? null : Follow();
    }

    // Follows what was reached last, if it is a link.
    private PathKind? Follow()
    {
        string here = Join(_done);
        if (FileRules.IsSupervisors(here))
        {
            // This process may follow its own links; the kernel lets no other one.
            return PathKind.Unreachable;
        }

        string? target = ReadLink(here, out int error);
        if (target is null && error == AccessDenied)
        {
            target = ReadDescriptor(_done);
        }

        if (target is null)
        {
            return error == InvalidArgument ? null
                : error == AccessDenied ? PathKind.Unreachable
                : PathKind.Missing;
        }

        if (++_links > MaxLinks)
        {
            return PathKind.Missing;
        }

        if (here.StartsWith("/proc/", StringComparison.Ordinal) && IsNameless(target))
        {
            return PathKind.Nameless;
        }

        _done.RemoveAt(_done.Count - 1);
        if (target.StartsWith('/'))
        {
            _done.Clear();
        }

        Push(target);
        return null;
    }

    // A pipe, or a file that is deleted: what a process holds open, and no path leads to.
    private static bool IsNameless(string target) =>
        target.Contains(":[", StringComparison.Ordinal)
        || target.StartsWith("anon_inode:", StringComparison.Ordinal)
        || target.EndsWith(DeletedSuffix, StringComparison.Ordinal);

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

    private void Push(string path)
    {
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = names.Length - 1; i >= 0; i--)
        {
            if (names[i] != ".")
            {
                _left.Push(names[i]);
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
        return
            names is ["proc", .., var process, "fd", var descriptor]
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
            string? line = File.ReadLines(Invariant($"/proc/{threadId}/status"))
                .FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
            return line?[Field.Length..].Trim() ?? Invariant($"{threadId}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return Invariant($"{threadId}");
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
