using System.Text;

namespace IsolatedAgents.Changes;

/// <summary>Paths as git writes them in a patch: git-config(1), core.quotePath.</summary>
internal static class GitPath
{
    /// <summary>The path behind its prefix, in quotes where it holds what is not plain ASCII.</summary>
    public static string Quote(string prefix, string path)
    {
        if (path.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 && path.AsSpan().IndexOfAny('"', '\\') < 0)
        {
            return prefix + path;
        }

        StringBuilder text = new("\"" + prefix);
        foreach (byte value in Encoding.UTF8.GetBytes(path))
        {
            if (value is (byte)'"' or (byte)'\\')
            {
                text.Append('\\').Append((char)value);
            }
            else if (value is >= 0x20 and < 0x7F)
            {
                text.Append((char)value);
            }
            else
            {
                text.Append('\\').Append(Convert.ToString(value, 8).PadLeft(3, '0'));
            }
        }

        return text.Append('"').ToString();
    }

    /// <summary>As it stands behind <c>---</c> and <c>+++</c>: a tab ends a name that holds a blank.</summary>
    public static string Header(string prefix, string path) =>
        Quote(prefix, path) is { } quoted && quoted[0] != '"' && quoted.Contains(' ', StringComparison.Ordinal)
            ? quoted + "\t"
            : Quote(prefix, path);
}
