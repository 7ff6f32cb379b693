using System.Buffers.Binary;
using System.Net;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>The state of a name in lookups.</summary>
internal enum NameState
{
    /// <summary>It exists; whether it has an address of the family that was asked for is another matter.</summary>
    Known,

    /// <summary>There is no such name.</summary>
    Unknown,

    /// <summary>Nobody can say now.</summary>
    Failed,
}

/// <summary>The state of a name in lookups.</summary>
/// <param name="State">Whether it exists.</param>
/// <param name="Address">Its address of the family that was asked for; null where it has none, or something else was asked for.</param>
internal readonly record struct NameAnswer(NameState State, IPAddress? Address = null);

/// <summary>One question.</summary>
internal readonly ref struct NameQuestion
{
    /// <summary>The labels with dots between them, as they were sent; empty for the root.</summary>
    public required ReadOnlySpan<byte> Name { get; init; }

    /// <summary>Whether a label holds a dot of its own, so that <see cref="Name"/> may look like another one.</summary>
    public required bool IsAmbiguous { get; init; }

    /// <summary>Whether an IPv4 address would be an answer.</summary>
    public required bool WantsIPv4 { get; init; }

    /// <summary>Whether an IPv6 address would be an answer.</summary>
    public required bool WantsIPv6 { get; init; }
}

/// <summary>
/// Reads questions and writes answers as RFC 1035 and RFC 6891 have them. Questions come from the agent: whatever is not one plain question
/// gets the error that it deserves, or nothing. An answer is never longer than a question's 512 bytes, so that none is ever cut.
/// </summary>
internal static class DnsMessage
{
    /// <summary>Room that any response fits into.</summary>
    public const int MaxResponse = 512;

    private const int HeaderLength = 12;
    private const int MaxName = 255;
    private const int MaxLabel = 63;
    private const int OptionLength = 11;
    private const ushort ResponseFlag = 0x8000;
    private const ushort RecursionDesired = 0x0100;
    private const ushort RecursionAvailable = 0x0080;
    private const int FormatError = 1;
    private const int ServerFailure = 2;
    private const int NameError = 3;
    private const int NotImplemented = 4;
    private const int Refused = 5;
    private const int BadVersion = 16;
    private const ushort TypeA = 1;
    private const ushort TypeAaaa = 28;
    private const ushort TypeOption = 41;
    private const ushort AnyType = 255;
    private const ushort ClassInternet = 1;
    private const ushort AnyClass = 255;
    private const ushort PointerToQuestion = 0xC00C;
    private const int TimeToLive = 60;

    // RFC 9715 advises no more; and nothing here is longer.
    private const ushort DatagramSize = 1232;

    /// <summary>Says what is known of what is asked.</summary>
    public delegate NameAnswer Lookup(NameQuestion question);

    /// <summary>Answers a message.</summary>
    /// <param name="query">What came.</param>
    /// <param name="response">Room for <see cref="MaxResponse"/> bytes.</param>
    /// <param name="lookup">Called at most once.</param>
    /// <returns>Bytes of the response; 0 where none is due.</returns>
    public static int Respond(ReadOnlySpan<byte> query, Span<byte> response, Lookup lookup)
    {
        if (query.Length < HeaderLength || (query[2] & 0x80) != 0)
        {
            // No message at all, or an answer to something that nobody asked.
            return 0;
        }

        if ((query[2] & 0x78) != 0)
        {
            return WriteHeader(query, response, NotImplemented);
        }

        Span<byte> name = stackalloc byte[MaxName];
        if (
            Count(query, 4) != 1
            || Count(query, 6) != 0
            || Count(query, 8) != 0
            || !TryReadName(query, name, out int nameLength, out int end, out bool isAmbiguous)
            || end + (2 * sizeof(ushort)) > query.Length
        )
        {
            return WriteHeader(query, response, FormatError);
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(query[end..]);
        ushort family = BinaryPrimitives.ReadUInt16BigEndian(query[(end + sizeof(ushort))..]);
        end += 2 * sizeof(ushort);
        int version = ReadVersion(query, end);
        NameAnswer answer = default;
        int code;
        if (version > 0)
        {
            code = BadVersion;
        }
        else if (family is not (ClassInternet or AnyClass))
        {
            code = Refused;
        }
        else
        {
            answer = lookup(
                new NameQuestion
                {
                    Name = name[..nameLength],
                    IsAmbiguous = isAmbiguous,
                    WantsIPv4 = type is TypeA or AnyType,
                    WantsIPv6 = type == TypeAaaa,
                }
            );
            code = answer.State switch
            {
                NameState.Known => 0,
                NameState.Unknown => NameError,
                _ => ServerFailure,
            };
        }

        WriteHeader(query, response, code);
        query[HeaderLength..end].CopyTo(response[HeaderLength..]);
        response[5] = 1;
        int length = end;
        if (answer is { State: NameState.Known, Address: { } address })
        {
            response[7] = 1;
            length += WriteAddress(response[length..], address);
        }

        if (version >= 0)
        {
            response[11] = 1;
            length += WriteOption(response[length..], code);
        }

        return length;
    }

    private static ushort Count(ReadOnlySpan<byte> query, int offset) => BinaryPrimitives.ReadUInt16BigEndian(query[offset..]);

    // The response's header alone, with no entries yet.
    private static int WriteHeader(ReadOnlySpan<byte> query, Span<byte> response, int code)
    {
        response[..HeaderLength].Clear();
        query[..2].CopyTo(response);
        ushort asked = BinaryPrimitives.ReadUInt16BigEndian(query[2..]);
        BinaryPrimitives.WriteUInt16BigEndian(
            response[2..],
            (ushort)(ResponseFlag | (asked & (0x7800 | RecursionDesired)) | RecursionAvailable | (code & 0xF))
        );
        return HeaderLength;
    }

    // A first name has nothing to point back to: a pointer here is an attack or a mistake.
    private static bool TryReadName(ReadOnlySpan<byte> query, Span<byte> name, out int length, out int end, out bool isAmbiguous)
    {
        length = 0;
        end = HeaderLength;
        isAmbiguous = false;
        while (end < query.Length)
        {
            int label = query[end++];
            if (label == 0)
            {
                return true;
            }

            if (label > MaxLabel || end + label > query.Length || length + label + 1 > MaxName - 1)
            {
                return false;
            }

            if (length > 0)
            {
                name[length++] = (byte)'.';
            }

            ReadOnlySpan<byte> bytes = query.Slice(end, label);
            isAmbiguous |= bytes.Contains((byte)'.');
            bytes.CopyTo(name[length..]);
            length += label;
            end += label;
        }

        return false;
    }

    // The version of EDNS; -1 where the question has none. What else stands behind the question is not looked at.
    private static int ReadVersion(ReadOnlySpan<byte> query, int end) =>
        Count(query, 10) > 0
        && query.Length >= end + OptionLength
        && query[end] == 0
        && BinaryPrimitives.ReadUInt16BigEndian(query[(end + 1)..]) == TypeOption
            ? query[end + 6]
            : -1;

    private static int WriteAddress(Span<byte> record, IPAddress address)
    {
        byte[] bytes = address.GetAddressBytes();
        BinaryPrimitives.WriteUInt16BigEndian(record, PointerToQuestion);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], bytes.Length == 4 ? TypeA : TypeAaaa);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], ClassInternet);
        BinaryPrimitives.WriteInt32BigEndian(record[6..], TimeToLive);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)bytes.Length);
        bytes.CopyTo(record[12..]);
        return 12 + bytes.Length;
    }

    private static int WriteOption(Span<byte> record, int code)
    {
        record[..OptionLength].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(record[1..], TypeOption);
        BinaryPrimitives.WriteUInt16BigEndian(record[3..], DatagramSize);
        record[5] = (byte)(code >> 4);
        return OptionLength;
    }
}
