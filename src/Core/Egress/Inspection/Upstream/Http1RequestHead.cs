using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using IsolatedAgents.Egress.Inspection.Requests;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Writes requests as HTTP/1.1 has them.</summary>
internal static class Http1RequestHead
{
    private const int UsualSize = 1024;

    private static readonly SearchValues<char> Breaks = SearchValues.Create("\r\n\0");

    /// <summary>The head of a request, with its empty line, in a buffer that is given back by <see cref="Return"/>.</summary>
    /// <exception cref="IOException">A header holds what would end it.</exception>
    public static ArraySegment<byte> Rent(HttpRequestMessage request, RequestBody? body)
    {
        Latin1Buffer head = new(UsualSize);
        head.Append(request.Method.Method);
        head.Append(" ");
        head.Append(request.RequestUri!.PathAndQuery);
        head.Append(" HTTP/1.1\r\nHost: ");
        head.Append(request.Headers.Host);
        head.Append("\r\n");
        Append(ref head, request.Headers.NonValidated);
        if (request.Content is { } content)
        {
            Append(ref head, content.Headers.NonValidated);
        }

        if (body is { Bytes: null })
        {
            head.Append("Transfer-Encoding: chunked\r\n");
        }
        else if (body is not null || request.Method.Method is "POST" or "PUT" or "PATCH")
        {
            Append(ref head, "Content-Length", (body?.Bytes ?? 0).ToString(CultureInfo.InvariantCulture));
        }

        head.Append("\r\n");
        return head.Written;
    }

    /// <summary>Gives a head's buffer back, without the credentials that may stand in it.</summary>
    public static void Return(ArraySegment<byte> head)
    {
        head.AsSpan().Clear();
        ArrayPool<byte>.Shared.Return(head.Array!);
    }

    /// <summary>A piece of a body whose length was not said.</summary>
    public static byte[] Chunk(ReadOnlySpan<byte> piece) =>
        [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n")), .. piece, .. "\r\n"u8];

    private static void Append(ref Latin1Buffer head, HttpHeadersNonValidated headers)
    {
        foreach ((string name, HeaderStringValues values) in headers)
        {
            if (name is "Host" || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (values.Count > 1 && name.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
            {
                // One reads cookies as one line, and everything else as it came.
                Append(ref head, name, string.Join("; ", values));
                continue;
            }

            foreach (string value in values)
            {
                Append(ref head, name, value);
            }
        }
    }

    private static void Append(ref Latin1Buffer head, string name, string value)
    {
        if (value.AsSpan().ContainsAny(Breaks))
        {
            throw new IOException($"the header {name} has a line break");
        }

        head.Append(name);
        head.Append(": ");
        head.Append(value);
        head.Append("\r\n");
    }
}
