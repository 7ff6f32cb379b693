using System.Text;

namespace IsolatedAgents.Agents;

/// <summary>The first line of a script, by which it names its interpreter: <c>#!/usr/bin/env -S python3 -u</c>.</summary>
/// <param name="Interpreter">The program.</param>
/// <param name="Argument">All that stands behind it, which Linux passes on as one argument; null where nothing does.</param>
/// <param name="HasByteOrderMark">Whether a byte order mark stands before it, so that Linux does not see it.</param>
/// <param name="HasCarriageReturn">
/// Whether the line ends as on Windows, so that Linux takes the carriage return for a part of the name.
/// </param>
internal sealed record Shebang(string Interpreter, string? Argument, bool HasByteOrderMark, bool HasCarriageReturn)
{
    // BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h, and a byte order mark.
    private const int MaxLength = 256 + 3;

    private static readonly char[] Blanks = [' ', '\t'];

    /// <summary>
    /// The command that starts a script as the kernel would; a program that env(1) would look for is looked for here, so that one that is
    /// missing is named.
    /// </summary>
    /// <param name="script">The script's path in the sandbox.</param>
    public string[] Command(string script) =>
        Argument is null ? [Interpreter, script]
        : Interpreter is "/usr/bin/env" or "/bin/env" && OfEnvironment(Argument) is { } words ? [.. words, script]
        : [Interpreter, Argument, script];

    // Without -S, all of it is one name. What sets variables, or needs more of its rules, is env's own business.
    private static string[]? OfEnvironment(string argument)
    {
        bool isSplit = argument.StartsWith("-S", StringComparison.Ordinal);
        string[] words = (isSplit ? argument["-S".Length..] : argument).Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
        return
            words.Length > 0
            && (isSplit || words.Length == 1)
            && words[0][0] != '-'
            && !words[0].Contains('=', StringComparison.Ordinal)
            && argument.AsSpan().IndexOfAny("\\\"'$#") < 0
            ? words
            : null;
    }

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
