using System.Text;

namespace IsolatedAgents.Agents;

/// <summary>The first line of a script, by which it names its interpreter: <c>#!/usr/bin/env -S python3 -u</c>.</summary>
/// <param name="Interpreter">The program.</param>
/// <param name="Argument">All that stands behind it, which Linux passes on as one argument; null where nothing does.</param>
/// <param name="HasByteOrderMark">Whether a byte order mark stands before it, so that Linux does not see it.</param>
/// <param name="HasCarriageReturn">Whether the line ends as on Windows, so that Linux takes the carriage return for a part of the name.</param>
internal sealed record Shebang(string Interpreter, string? Argument, bool HasByteOrderMark, bool HasCarriageReturn)
{
    // BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h, and a byte order mark.
    private const int MaxLength = 256 + 3;

    private static readonly char[] Blanks = [' ', '\t'];

    /// <summary>The command that starts a script as the kernel would.</summary>
    /// <param name="script">The script's path in the sandbox.</param>
    public string[] Command(string script) => Argument is null ? [Interpreter, script] : [Interpreter, Argument, script];

    /// <summary>The first line of a file; null where it names no interpreter.</summary>
    /// <param name="path">The file on this machine.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static Shebang? Read(string path)
    {
        Span<byte> start = stackalloc byte[MaxLength];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        return Parse(start[..file.ReadAtLeast(start, MaxLength, throwOnEndOfStream: false)]);
    }

    /// <summary>The first line of a text; null where it names no interpreter.</summary>
    /// <param name="start">The text, or as much of its start as Linux looks at.</param>
    public static Shebang? Parse(ReadOnlySpan<byte> start)
    {
        bool hasMark = start.StartsWith("\uFEFF"u8);
        ReadOnlySpan<byte> text = hasMark ? start[3..] : start;
        if (!text.StartsWith("#!"u8))
        {
            return null;
        }

        int end = text.IndexOf((byte)'\n');
        string line = Encoding.UTF8.GetString(text[2..(end < 0 ? text.Length : end)]);
        bool hasReturn = line.EndsWith('\r');
        string words = line.TrimEnd('\r').Trim(Blanks);
        int blank = words.IndexOfAny(Blanks);
        return words.Length == 0
            ? null
            : new Shebang(blank < 0 ? words : words[..blank], blank < 0 ? null : words[blank..].Trim(Blanks), hasMark, hasReturn);
    }
}
