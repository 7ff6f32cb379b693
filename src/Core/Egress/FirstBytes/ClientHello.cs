using System.Buffers.Binary;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.FirstBytes;

/// <summary>How much of a TLS ClientHello has been read (RFC 8446, 4.1.2).</summary>
internal enum ClientHelloState
{
    /// <summary>It is not all there.</summary>
    Incomplete,

    /// <summary>It was read.</summary>
    Complete,

    /// <summary>It is none, or not written as the RFC says.</summary>
    Malformed,
}

/// <summary>A TLS ClientHello as far as it matters here.</summary>
/// <param name="State">Whether it could be read.</param>
/// <param name="ServerName">The name in its one spelling; null where it names none. With an encrypted hello it is the outer one.</param>
internal readonly record struct ClientHello(ClientHelloState State, string? ServerName)
{
    private const int RecordHeader = 5;
    private const int MaxRecord = 1 << 14;
    private const int MaxMessage = 1 << 16;

    private static readonly ClientHello Incomplete = new(ClientHelloState.Incomplete, null);
    private static readonly ClientHello Malformed = new(ClientHelloState.Malformed, null);

    /// <summary>Bytes of the longest hello that is read, records included.</summary>
    public static int MaxBytes => MaxMessage + (RecordHeader * 64);

    /// <summary>Reads the hello at the beginning of <paramref name="bytes"/>, also one that is spread over several records.</summary>
    public static ClientHello Read(ReadOnlySpan<byte> bytes)
    {
        byte[]? joined = null;
        int length = 0;
        ReadOnlySpan<byte> rest = bytes;
        while (true)
        {
            if (rest.Length < RecordHeader)
            {
                return bytes.Length >= MaxBytes ? Malformed : Incomplete;
            }

            int size = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
            if (rest[0] != 22 || rest[1] != 3 || size is 0 or > MaxRecord)
            {
                return Malformed;
            }

            ReadOnlySpan<byte> fragment = rest.Slice(RecordHeader, Math.Min(size, rest.Length - RecordHeader));
            bool isWhole = fragment.Length == size;
            if (joined is null && MessageLength(fragment) is { } needed && fragment.Length >= needed)
            {
                return ReadMessage(fragment[..needed]);
            }

            joined ??= new byte[Math.Min(MaxMessage + 4, bytes.Length)];
            if (length + fragment.Length > MaxMessage + 4)
            {
                return Malformed;
            }

            fragment.CopyTo(joined.AsSpan(length));
            length += fragment.Length;
            ReadOnlySpan<byte> message = joined.AsSpan(0, length);
            if (!IsHello(message))
            {
                return Malformed;
            }

            if (MessageLength(message) is { } whole && length >= whole)
            {
                return ReadMessage(message[..whole]);
            }

            if (!isWhole)
            {
                return bytes.Length >= MaxBytes ? Malformed : Incomplete;
            }

            rest = rest[(RecordHeader + size)..];
        }
    }

    private static bool IsHello(ReadOnlySpan<byte> message) =>
        message.IsEmpty || (message[0] == 1 && (message.Length < 2 || message[1] == 0));

    /// <summary>Header included; null where it cannot be told yet.</summary>
    private static int? MessageLength(ReadOnlySpan<byte> message) =>
        message.Length < 4 ? null : 4 + ((message[1] << 16) | (message[2] << 8) | message[3]);

    private static ClientHello ReadMessage(ReadOnlySpan<byte> message)
    {
        if (!IsHello(message))
        {
            return Malformed;
        }

        ReadOnlySpan<byte> body = message[4..];
        if (body.Length < 34 || body[0] != 3)
        {
            return Malformed;
        }

        body = body[34..];
        if (
            !TryTake(ref body, 1, out ReadOnlySpan<byte> session)
            || session.Length > 32
            || !TryTake(ref body, 2, out ReadOnlySpan<byte> suites)
            || suites.Length < 2
            || suites.Length % 2 != 0
            || !TryTake(ref body, 1, out ReadOnlySpan<byte> compression)
            || compression.IsEmpty
        )
        {
            return Malformed;
        }

        if (body.IsEmpty)
        {
            return new ClientHello(ClientHelloState.Complete, null);
        }

        return TryTake(ref body, 2, out ReadOnlySpan<byte> extensions) && body.IsEmpty ? ReadExtensions(extensions) : Malformed;
    }

    private static ClientHello ReadExtensions(ReadOnlySpan<byte> extensions)
    {
        string? name = null;
        while (!extensions.IsEmpty)
        {
            if (extensions.Length < 4)
            {
                return Malformed;
            }

            int type = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = extensions[2..];
            if (!TryTake(ref extensions, 2, out ReadOnlySpan<byte> content))
            {
                return Malformed;
            }

            // A second name could be the one that the server takes.
            if (type == 0 && (name is not null || !TryReadName(content, out name)))
            {
                return Malformed;
            }
        }

        return new ClientHello(ClientHelloState.Complete, name);
    }

    /// <summary>Exactly one entry, of type host_name (RFC 6066, 3).</summary>
    private static bool TryReadName(ReadOnlySpan<byte> content, out string? name)
    {
        name = null;
        Span<char> text = stackalloc char[HostText.MaxLength];
        if (!TryTake(ref content, 2, out ReadOnlySpan<byte> list) || !content.IsEmpty || list.IsEmpty || list[0] != 0)
        {
            return false;
        }

        list = list[1..];
        if (!TryTake(ref list, 2, out ReadOnlySpan<byte> host) || !list.IsEmpty || !HostText.TryNormalizeName(host, text, out int length))
        {
            return false;
        }

        name = text[..length].ToString();
        return true;
    }

    /// <summary>Takes a vector with a length of one or two bytes before it.</summary>
    private static bool TryTake(ref ReadOnlySpan<byte> from, int lengthBytes, out ReadOnlySpan<byte> content)
    {
        content = [];
        if (from.Length < lengthBytes)
        {
            return false;
        }

        int length = lengthBytes == 1 ? from[0] : BinaryPrimitives.ReadUInt16BigEndian(from);
        if (from.Length < lengthBytes + length)
        {
            return false;
        }

        content = from.Slice(lengthBytes, length);
        from = from[(lengthBytes + length)..];
        return true;
    }
}
