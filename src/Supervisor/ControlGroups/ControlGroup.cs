using System.Globalization;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.ControlGroups;

/// <summary>The limits that a control group has in force; -1 where there is none.</summary>
internal sealed record ControlGroupLimits(long MemoryBytes, long MemoryAndSwapBytes, long Pids, long CpuMillicores);

/// <summary>The sandbox's own control group, as its file system shows it. Both versions of the kernel's interface.</summary>
internal abstract class ControlGroup(string root)
{
    /// <summary>The folder where engines mount the hierarchy.</summary>
    public const string DefaultRoot = "/sys/fs/cgroup";

    /// <summary>1 or 2.</summary>
    public abstract int Version { get; }

    /// <summary>The control group below <paramref name="root"/>, or null where none is visible.</summary>
    public static ControlGroup? Open(string root)
    {
        if (File.Exists(Path.Combine(root, "cgroup.controllers")))
        {
            return new ControlGroupVersion2(root);
        }

        return File.Exists(Path.Combine(root, "memory", "memory.usage_in_bytes")) ? new ControlGroupVersion1(root) : null;
    }

    public abstract ControlGroupLimits ReadLimits();

    /// <summary>The figures, but for the output folder's and the time.</summary>
    public abstract ResourceUsage ReadUsage();

    /// <summary>The number a file holds; -1 where the file is missing or says "max".</summary>
    protected long ReadNumber(string file) => ParseNumber(ReadText(file));

    /// <summary>The number behind <paramref name="key"/> in a file of "key value" lines; -1 where there is none.</summary>
    protected long ReadKey(string file, string key)
    {
        foreach (ReadOnlySpan<char> line in ReadText(file).AsSpan().EnumerateLines())
        {
            if (line.Length > key.Length && line[key.Length] == ' ' && line.StartsWith(key, StringComparison.Ordinal))
            {
                return ParseNumber(line[(key.Length + 1)..]);
            }
        }

        return -1;
    }

    protected string ReadText(string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, file));
        }
        catch (IOException)
        {
            return "";
        }
        catch (UnauthorizedAccessException)
        {
            return "";
        }
    }

    protected static long ParseNumber(ReadOnlySpan<char> text) =>
        ulong.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? (long)Math.Min(number, long.MaxValue)
            : -1;

    /// <summary>Subtracts from the memory in use the page cache that the kernel drops first, which gives the working set.</summary>
    protected static long WithoutCache(long used, long inactiveFile) => used < 0 ? -1 : Math.Max(0, used - Math.Max(0, inactiveFile));
}
