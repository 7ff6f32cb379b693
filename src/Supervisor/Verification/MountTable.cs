using System.Text;

namespace IsolatedAgents.Supervisor.Verification;

/// <summary>The sandbox's mounts, as proc_pid_mountinfo(5) lists them.</summary>
internal sealed class MountTable
{
    private readonly List<(string Path, bool IsReadOnly)> _mounts = [];

    private MountTable() { }

    /// <summary>Reads the lines of a mountinfo file.</summary>
    public static MountTable Parse(IEnumerable<string> lines)
    {
        const int PathField = 4;
        const int OptionsField = 5;
        MountTable table = new();
        foreach (string line in lines)
        {
            string[] fields = line.Split(' ');
            table._mounts.Add((Unescape(fields[PathField]), fields[OptionsField].Split(',').Contains("ro")));
        }

        return table;
    }

    /// <summary>
    /// What keeps <paramref name="path"/> from being read-only as a whole; null where nothing does. An engine may leave what is mounted
    /// below a read-only mount writable.
    /// </summary>
    public string? FindWritable(string path)
    {
        // The last mount on a path is the one that is seen.
        int own = _mounts.FindLastIndex(mount => mount.Path == path);
        if (own < 0)
        {
            return $"'{path}' is not mounted";
        }

        if (!_mounts[own].IsReadOnly)
        {
            return $"'{path}' is writable";
        }

        int below = _mounts.FindIndex(mount => !mount.IsReadOnly && mount.Path.StartsWith(path + "/", StringComparison.Ordinal));
        return below < 0 ? null : $"'{_mounts[below].Path}', which is mounted below '{path}', is writable";
    }

    // Blanks, tabs, line breaks and backslashes are written as a backslash and three octal digits, each a byte.
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        StringBuilder text = new(field.Length);
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length)
            {
                text.Append((char)Convert.ToInt32(field.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }

        return text.ToString();
    }
}
