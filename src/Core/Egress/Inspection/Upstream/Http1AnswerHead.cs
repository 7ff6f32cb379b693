using System.Net;
using System.Text;
using IsolatedAgents.Egress.Http;

namespace IsolatedAgents.Egress.Inspection.Upstream;

/// <summary>Reads the head of an answer whose framing was judged.</summary>
internal static class Http1AnswerHead
{
    /// <summary>The answer with its status line.</summary>
    public static HttpResponseMessage Read(ResponseHead head, ReadOnlySpan<byte> bytes)
    {
        HeaderLines.TryTakeLine(ref bytes, out ReadOnlySpan<byte> line);
        return new HttpResponseMessage((HttpStatusCode)head.Status)
        {
            Version = HttpVersion.Version11,
            ReasonPhrase = line.Length > 13 ? Encoding.Latin1.GetString(line[13..]) : "",
        };
    }

    /// <summary>Adds the header fields, once the answer has its content.</summary>
    public static void Headers(HttpResponseMessage answer, ReadOnlySpan<byte> bytes)
    {
        HeaderLines.TryTakeLine(ref bytes, out _);
        while (
            HeaderLines.TryTakeLine(ref bytes, out ReadOnlySpan<byte> line)
            && HeaderLines.TrySplit(line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
        )
        {
            string field = Encoding.ASCII.GetString(name);
            string text = Encoding.Latin1.GetString(value);
            if (!answer.Headers.TryAddWithoutValidation(field, text))
            {
                answer.Content.Headers.TryAddWithoutValidation(field, text);
            }
        }
    }
}
