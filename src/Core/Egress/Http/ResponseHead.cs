using System.Globalization;

namespace IsolatedAgents.Egress.Http;

/// <summary>The head of an HTTP/1.x response, as far as its end must be found.</summary>
/// <param name="Status">100 to 999.</param>
/// <param name="Body">How its body ends.</param>
/// <param name="IsLast">Whether the server says that it sends nothing more after this.</param>
internal sealed record ResponseHead(int Status, HttpFraming Body, bool IsLast)
{
    public const int MaxBytes = 256 * 1024;

    /// <summary>
    /// Reads a head. Null where it is not to be understood: what follows it can then only be passed on until the connection ends.
    /// </summary>
    /// <param name="head">Up to the empty line, included.</param>
    /// <param name="method">Of the request that it answers.</param>
    public static ResponseHead? Parse(ReadOnlySpan<byte> head, string method)
    {
        ReadOnlySpan<byte> rest = head;
        if (
            !HeaderLines.TryTakeLine(ref rest, out ReadOnlySpan<byte> line)
            || line.Length < 12
            || !line.StartsWith("HTTP/1."u8)
            || line[8] != (byte)' '
            || !int.TryParse(line.Slice(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int status)
            || status < 100
        )
        {
            return null;
        }

        bool isOld = line[7] == (byte)'0',
            isClose = false,
            isKept = false,
            isChunked = false,
            isUnclear = false;
        long? length = null;
        while (HeaderLines.TryTakeLine(ref rest, out ReadOnlySpan<byte> field))
        {
            if (field.IsEmpty)
            {
                HttpFraming body = Framing(status, method, isUnclear, isChunked, length);
                return new ResponseHead(status, body, body.Kind == HttpFramingKind.UntilClose || isClose || (isOld && !isKept));
            }

            if (!HeaderLines.TrySplit(field, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value))
            {
                return null;
            }

            if (HeaderLines.Is(name, "content-length"u8))
            {
                isUnclear |= !HeaderLines.TryReadLength(value, out long bytes) || (length is not null && length != bytes);
                length = bytes;
            }
            else if (HeaderLines.Is(name, "transfer-encoding"u8))
            {
                isUnclear |= isChunked || !HeaderLines.Is(value, "chunked"u8);
                isChunked = true;
            }
            else if (HeaderLines.Is(name, "connection"u8))
            {
                isClose |= HeaderLines.Lists(value, "close"u8);
                isKept |= HeaderLines.Lists(value, "keep-alive"u8);
            }
        }

        return null;
    }

    private static HttpFraming Framing(int status, string method, bool isUnclear, bool isChunked, long? length)
    {
        if (method == "HEAD" || status is < 200 or 204 or 304)
        {
            return new HttpFraming(HttpFramingKind.None);
        }

        if (isUnclear || (isChunked && length is not null) || (!isChunked && length is null))
        {
            return new HttpFraming(HttpFramingKind.UntilClose);
        }

        return isChunked
            ? new HttpFraming(HttpFramingKind.Chunked)
            : new HttpFraming(length > 0 ? HttpFramingKind.Length : HttpFramingKind.None, length ?? 0);
    }
}
