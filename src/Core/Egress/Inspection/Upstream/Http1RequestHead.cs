using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using IsolatedAgents.Egress.Inspection.Requests;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Writes requests as HTTP/1.1 has them.</summary>
internal static class Http1RequestHead
{
    private static readonly SearchValues<char> Breaks = SearchValues.Create("\r\n\0");

    /// <summary>The head of a request, with its empty line.</summary>
    /// <exception cref="IOException">A header holds what would end it.</exception>
    public static byte[] Bytes(HttpRequestMessage request, RequestBody? body)
    {
        StringBuilder head = new();
        head.Append(CultureInfo.InvariantCulture, $"{request.Method.Method} {request.RequestUri!.PathAndQuery} HTTP/1.1\r\nHost: {request.Headers.Host}\r\n");
        foreach ((string name, HeaderStringValues values) in request.Headers.NonValidated.Concat(request.Content?.Headers.NonValidated ?? default))
        {
            if (name is "Host" || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            // One reads cookies as one line, and everything else as it came.
            foreach (string value in name.Equals("Cookie", StringComparison.OrdinalIgnoreCase) ? [string.Join("; ", values)] : values.AsEnumerable())
            {
                head.Append(CultureInfo.InvariantCulture, $"{name}: {(value.AsSpan().ContainsAny(Breaks) ? throw new IOException($"the header {name} has a line break") : value)}\r\n");
            }
        }

        if (body is { Bytes: null })
        {
            head.Append("Transfer-Encoding: chunked\r\n");
        }
        else if (body is not null || request.Method.Method is "POST" or "PUT" or "PATCH")
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body?.Bytes ?? 0}\r\n");
        }

        return Encoding.Latin1.GetBytes(head.Append("\r\n").ToString());
    }

    /// <summary>A piece of a body whose length was not said.</summary>
    public static byte[] Chunk(ReadOnlySpan<byte> piece) =>
        [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n")), .. piece, .. "\r\n"u8];
}
