using System.Buffers;
using System.Text;
using IsolatedAgents.Egress.FirstBytes;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Http;

/// <summary>The head of a plain HTTP/1.x request that may go to one server.</summary>
internal sealed record RequestHead
{
    /// <summary>The longest head, in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    public required string Method { get; init; }

    /// <summary>Path without query.</summary>
    public required string Path { get; init; }

    public HttpFraming Body { get; private init; }

    /// <summary>Whether the connection is asked to become a WebSocket.</summary>
    public bool IsWebSocket { get; private init; }

    /// <summary>Whether the agent says that it sends nothing more after this.</summary>
    public bool IsLast { get; private init; }

    /// <summary>The head for the server: as the agent wrote it, without its offer of HTTP/2, which a server need not accept.</summary>
    public required ReadOnlyMemory<byte> Forwarded { get; init; }

    /// <summary>Judges one head.</summary>
    /// <param name="head">From the request line up to the empty line, both included.</param>
    /// <param name="target">What the agent connected to; each request must name it.</param>
    /// <param name="proxyLine">
    /// The header for a proxy that is to forward the request, which may be empty; null where it goes to the server itself.
    /// </param>
    /// <exception cref="EgressRefusedException">It is ambiguous, names somebody else, or asks for a tunnel.</exception>
    public static RequestHead Parse(ReadOnlySpan<byte> head, EgressTarget target, string? proxyLine = null)
    {
        ReadOnlySpan<byte> rest = head;
        if (!HeaderLines.TryTakeLine(ref rest, out ReadOnlySpan<byte> requestLine))
        {
            throw Refused("The HTTP request line is not ended by CRLF");
        }

        (string method, string path, bool isOld) = RequestLine(requestLine, target);
        ArrayBufferWriter<byte> forwarded = new(head.Length);
        if (proxyLine is null)
        {
            Forward(requestLine, forwarded);
        }
        else
        {
            ForwardAbsolute(requestLine, target, forwarded);
            Encoding.ASCII.GetBytes(proxyLine, forwarded);
        }

        RequestFields fields = new(target);
        scoped ReadOnlySpan<byte> field;
        do
        {
            if (!HeaderLines.TryTakeLine(ref rest, out field))
            {
                throw Refused("An HTTP header line holds a bare CR, LF or NUL");
            }

            if (field.IsEmpty || (fields.Take(field) && !(proxyLine is not null && IsForProxy(field))))
            {
                Forward(field, forwarded);
            }
        } while (!field.IsEmpty);

        return new RequestHead
        {
            Method = method,
            Path = path,
            Forwarded = forwarded.WrittenMemory,
            Body = fields.Complete(isOld),
            IsWebSocket = fields.IsWebSocket,
            IsLast = fields.IsLast,
        };
    }

    /// <summary>
    /// Throws where <paramref name="authority"/>, of which <paramref name="what"/> consists, is not what the agent connected to.
    /// </summary>
    internal static void RequireHost(ReadOnlySpan<byte> authority, EgressTarget target, string what)
    {
        int close = authority.StartsWith("["u8) ? authority.IndexOf((byte)']') : -1;
        int colon = authority[(close + 1)..].IndexOf((byte)':');
        ReadOnlySpan<byte> host = colon < 0 ? authority : authority[..(close + 1 + colon)];
        ReadOnlySpan<byte> port = colon < 0 ? [] : authority[(close + 2 + colon)..];
        if (!IsTarget(host, target) || (colon >= 0 && !(HeaderLines.TryReadLength(port, out long number) && number == target.Port)))
        {
            string shown =
                authority.Length > 200 ? Encoding.Latin1.GetString(authority[..200]) + "…" : Encoding.Latin1.GetString(authority);
            throw Refused($"The HTTP {what} names '{shown}', but the connection was made to '{target}'");
        }
    }

    internal static EgressRefusedException Refused(string reason) => new(reason, EgressAllowlist.Key);

    // RFC 9112, 3.2.2: a proxy is told the whole address. The line was judged before, so that it has two blanks and names the target or
    // nothing.
    private static void ForwardAbsolute(ReadOnlySpan<byte> line, EgressTarget target, ArrayBufferWriter<byte> forwarded)
    {
        int first = line.IndexOf((byte)' ');
        int last = line.LastIndexOf((byte)' ');
        ReadOnlySpan<byte> uri = line[(first + 1)..last];
        ReadOnlySpan<byte> path =
            uri[0] == (byte)'/' ? uri
            : uri is [(byte)'*'] ? []
            : AbsoluteForm(uri, target);
        forwarded.Write(line[..(first + 1)]);
        forwarded.Write("http://"u8);
        Encoding.ASCII.GetBytes(target.Port == 80 ? target.ToString()[..^3] : target.ToString(), forwarded);
        forwarded.Write(path is [(byte)'?' or (byte)'#', ..] ? "/"u8 : []);
        forwarded.Write(path);
        forwarded.Write(line[last..]);
        forwarded.Write("\r\n"u8);
    }

    // What an agent says to a proxy is not for the one that the host uses.
    private static bool IsForProxy(ReadOnlySpan<byte> field) =>
        HeaderLines.TrySplit(field, out ReadOnlySpan<byte> name, out _)
        && (HeaderLines.Is(name, "proxy-authorization"u8) || HeaderLines.Is(name, "proxy-connection"u8));

    private static void Forward(ReadOnlySpan<byte> line, ArrayBufferWriter<byte> forwarded)
    {
        forwarded.Write(line);
        forwarded.Write("\r\n"u8);
    }

    private static (string Method, string Path, bool IsOld) RequestLine(ReadOnlySpan<byte> line, EgressTarget target)
    {
        int first = line.IndexOf((byte)' ');
        int last = line.LastIndexOf((byte)' ');
        ReadOnlySpan<byte> version = last < 0 ? [] : line[(last + 1)..];
        if (
            first is <= 0 or > FirstBytesRules.MaxMethod
            || first == last
            || !HeaderLines.IsToken(line[..first])
            || !(version.SequenceEqual("HTTP/1.1"u8) || version.SequenceEqual("HTTP/1.0"u8))
        )
        {
            throw Refused(
                line.StartsWith("PRI * HTTP/2.0"u8)
                    ? "HTTP/2 without TLS cannot be looked at"
                    : "The HTTP request line is no request line of HTTP/1.0 or 1.1"
            );
        }

        ReadOnlySpan<byte> uri = line[(first + 1)..last];
        foreach (byte b in uri)
        {
            if (b is <= 0x20 or >= 0x7F)
            {
                throw Refused("The HTTP request's target holds a blank or a control character");
            }
        }

        string method = Encoding.ASCII.GetString(line[..first]);
        if (method == "CONNECT")
        {
            throw Refused("The HTTP request asks for a tunnel (CONNECT)");
        }

        if (uri.IsEmpty || (uri[0] != (byte)'/' && !(uri.Length == 1 && uri[0] == (byte)'*' && method == "OPTIONS")))
        {
            uri = AbsoluteForm(uri, target);
        }

        int end = uri.IndexOfAny((byte)'?', (byte)'#');
        return (method, Encoding.ASCII.GetString(end < 0 ? uri : uri[..end]), version.SequenceEqual("HTTP/1.0"u8));
    }

    private static ReadOnlySpan<byte> AbsoluteForm(ReadOnlySpan<byte> uri, EgressTarget target)
    {
        const int Scheme = 7;
        if (uri.Length <= Scheme || !HeaderLines.Is(uri[..Scheme], "http://"u8))
        {
            throw Refused("The HTTP request's target is neither a path nor an http address");
        }

        ReadOnlySpan<byte> rest = uri[Scheme..];
        int end = rest.IndexOfAny("/?#"u8);
        RequireHost(end < 0 ? rest : rest[..end], target, "request's target");
        return end < 0 ? "/"u8 : rest[end..];
    }

    private static bool IsTarget(ReadOnlySpan<byte> host, EgressTarget target)
    {
        if (target.IsAddress)
        {
            ReadOnlySpan<byte> plain = host.StartsWith("["u8) && host.EndsWith("]"u8) ? host[1..^1] : host;
            return Ascii.EqualsIgnoreCase(plain, target.Host);
        }

        Span<char> name = stackalloc char[HostText.MaxLength];
        return HostText.TryNormalizeName(host, name, out int length) && name[..length].SequenceEqual(target.Host);
    }
}
