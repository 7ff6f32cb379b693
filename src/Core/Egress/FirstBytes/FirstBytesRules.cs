using IsolatedAgents.Egress.Http;

namespace IsolatedAgents.Egress.FirstBytes;

/// <summary>
/// Tells protocols apart by how they begin. In doubt it is HTTP, which is then read strictly: what a lenient server might take for a
/// request must not pass unread.
/// </summary>
internal static class FirstBytesRules
{
    /// <summary>The longest first line that is waited for.</summary>
    private const int MaxLine = 8 * 1024;

    /// <summary>The longest method that is taken for one, here and where requests are judged.</summary>
    public const int MaxMethod = 32;

    /// <param name="bytes">All that the agent has sent so far.</param>
    /// <param name="isAll">Whether no more comes.</param>
    public static FirstBytesKind Classify(ReadOnlySpan<byte> bytes, bool isAll)
    {
        if (bytes.IsEmpty)
        {
            return isAll ? FirstBytesKind.Other : FirstBytesKind.Undecided;
        }

        if (bytes[0] == 0x16)
        {
            return bytes.Length >= 2 ? (bytes[1] == 3 ? FirstBytesKind.Tls : FirstBytesKind.Other)
                : isAll ? FirstBytesKind.Other
                : FirstBytesKind.Undecided;
        }

        // Servers skip empty lines before a request, and some skip blanks.
        ReadOnlySpan<byte> line = bytes.TrimStart("\r\n\t "u8);
        int method = HeaderLines.TokenLength(line);
        if (method == line.Length)
        {
            return line.Length > MaxMethod || isAll ? FirstBytesKind.Other : FirstBytesKind.Undecided;
        }

        if (method is 0 or > MaxMethod || line[method] is not ((byte)' ' or (byte)'\t'))
        {
            return FirstBytesKind.Other;
        }

        int end = line.IndexOf((byte)'\n');
        if (end < 0)
        {
            return line.Length <= MaxLine && !isAll ? FirstBytesKind.Undecided
                : IsPath(line[(method + 1)..]) ? FirstBytesKind.Http
                : FirstBytesKind.Other;
        }

        ReadOnlySpan<byte> first = line[..end].TrimEnd("\r\t "u8);
        return first.Contains("HTTP/"u8) || first.Contains("http/"u8) || IsSimpleRequest(first)
            ? FirstBytesKind.Http
            : FirstBytesKind.Other;
    }

    private static bool IsPath(ReadOnlySpan<byte> target) =>
        !target.IsEmpty && (target[0] is (byte)'/' or (byte)'*' || target.StartsWith("http"u8));

    /// <summary>
    /// Whether an undecided beginning is worth a wait: the first byte of TLS is, and what may become a request. Methods that servers know
    /// are of letters, <c>-</c> and <c>_</c>; a first message of anything else is another protocol's, whole.
    /// </summary>
    public static bool IsWorthAWait(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0x16, ..])
        {
            return true;
        }

        foreach (byte value in bytes.TrimStart("\r\n\t "u8))
        {
            if (value is (byte)' ' or (byte)'\t')
            {
                return true;
            }

            if (!char.IsAsciiLetter((char)value) && value is not ((byte)'-' or (byte)'_'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>HTTP/0.9, which some servers still answer.</summary>
    private static bool IsSimpleRequest(ReadOnlySpan<byte> line) =>
        (line.StartsWith("GET "u8) || line.StartsWith("get "u8)) && IsPath(line[4..].TrimStart((byte)' '));

    private static bool Contains(this ReadOnlySpan<byte> text, ReadOnlySpan<byte> part) => text.IndexOf(part) >= 0;
}
