using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Http;

/// <summary>
/// Reads from the header lines of one plain request its server, its body and its connection; refused where two readers could take them for
/// different things.
/// </summary>
internal sealed class RequestFields(EgressTarget target)
{
    private static readonly byte[][] Framing = ["content-length"u8.ToArray(), "transfer-encoding"u8.ToArray(), "host"u8.ToArray()];

    private int _hosts;
    private long? _length;
    private bool _isChunked;
    private bool _isUpgrade;
    private bool _namesWebSocket;

    /// <summary>Whether the connection is asked to become a WebSocket.</summary>
    public bool IsWebSocket => _isUpgrade && _namesWebSocket;

    /// <summary>Whether the agent says that it sends nothing more after this.</summary>
    public bool IsLast { get; private set; }

    /// <summary>Takes a line; false where it is not to be forwarded, as an offer of HTTP/2, which a server need not take.</summary>
    /// <exception cref="EgressRefusedException">It is ambiguous, or names somebody else.</exception>
    public bool Take(ReadOnlySpan<byte> line)
    {
        if (!HeaderLines.TrySplit(line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value))
        {
            throw RequestHead.Refused("An HTTP header line is no field");
        }

        if (HeaderLines.Is(name, "host"u8))
        {
            _hosts++;
            RequestHead.RequireHost(value, target, "Host header");
        }
        else if (HeaderLines.Is(name, "content-length"u8))
        {
            _length =
                _length is null && HeaderLines.TryReadLength(value, out long bytes)
                    ? bytes
                    : throw RequestHead.Refused("The HTTP request's Content-Length is ambiguous");
        }
        else if (HeaderLines.Is(name, "transfer-encoding"u8))
        {
            _isChunked =
                !_isChunked && HeaderLines.Is(value, "chunked"u8)
                    ? true
                    : throw RequestHead.Refused("The HTTP request's Transfer-Encoding is not exactly 'chunked'");
        }
        else if (HeaderLines.Is(name, "upgrade"u8))
        {
            _namesWebSocket = HeaderLines.Is(value, "websocket"u8);
            return _namesWebSocket;
        }
        else if (HeaderLines.Is(name, "http2-settings"u8))
        {
            return false;
        }
        else if (HeaderLines.Is(name, "connection"u8))
        {
            return TakeConnection(value);
        }
        else
        {
            RequireUndisguised(name);
        }

        return true;
    }

    /// <summary>The length of the body, once every line was taken.</summary>
    /// <param name="isOld">The request is one of HTTP/1.0, which has no chunks.</param>
    /// <exception cref="EgressRefusedException">The lines contradict one another, or do not say whose the request is.</exception>
    public HttpFraming Complete(bool isOld)
    {
        if (_hosts > 1 || (_hosts == 0 && !target.IsAddress))
        {
            throw RequestHead.Refused(
                _hosts == 0 ? "The HTTP request has no Host header" : "The HTTP request has more than one Host header"
            );
        }

        if (_isChunked && (_length is not null || isOld))
        {
            throw RequestHead.Refused("The HTTP request's body has two lengths");
        }

        return _isChunked ? new HttpFraming(HttpFramingKind.Chunked)
            : _length > 0 ? new HttpFraming(HttpFramingKind.Length, _length.Value)
            : new HttpFraming(HttpFramingKind.None);
    }

    // A header that the next hop is told to drop must be none that this reading depends on.
    private bool TakeConnection(ReadOnlySpan<byte> value)
    {
        foreach (byte[] name in Framing)
        {
            if (HeaderLines.Lists(value, name))
            {
                throw RequestHead.Refused("The HTTP request's Connection header names a header that must stay");
            }
        }

        IsLast |= HeaderLines.Lists(value, "close"u8);
        _isUpgrade |= HeaderLines.Lists(value, "upgrade"u8);
        return !HeaderLines.Lists(value, "http2-settings"u8);
    }

    private static void RequireUndisguised(ReadOnlySpan<byte> name)
    {
        foreach (byte[] known in Framing)
        {
            if (HeaderLines.IsDisguised(name, known))
            {
                throw RequestHead.Refused("An HTTP header's name can be taken for another's");
            }
        }
    }
}
