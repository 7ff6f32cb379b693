using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace IsolatedAgents.Changes;

/// <summary>
/// The form that <c>git diff --binary</c> gives bytes: compressed, five characters for four bytes, a length before each line.
/// </summary>
internal static class GitBinaryPatch
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    private const int BytesPerLine = 52;
    private const int LettersInCase = 26;

    // RFC 1950: a stream of no bytes.
    private static readonly byte[] EmptyStream = [0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01];

    /// <summary>Writes both ways, so that the patch can be taken back.</summary>
    public static void Append(StringBuilder text, byte[] before, byte[] after)
    {
        text.Append("GIT binary patch\n");
        AppendLiteral(text, after);
        AppendLiteral(text, before);
    }

    private static void AppendLiteral(StringBuilder text, byte[] content)
    {
        text.Append(CultureInfo.InvariantCulture, $"literal {content.Length}\n");
        using MemoryStream packed = new();
        using (ZLibStream compressor = new(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            compressor.Write(content);
        }

        if (content.Length == 0)
        {
            // The compressor writes nothing at all of nothing.
            packed.Write(EmptyStream);
        }

        ReadOnlySpan<byte> left = packed.GetBuffer().AsSpan(0, (int)packed.Length);
        while (!left.IsEmpty)
        {
            ReadOnlySpan<byte> line = left[..Math.Min(BytesPerLine, left.Length)];
            text.Append((char)(line.Length <= LettersInCase ? 'A' + line.Length - 1 : 'a' + line.Length - LettersInCase - 1));
            AppendBase85(text, line);
            text.Append('\n');
            left = left[line.Length..];
        }

        text.Append('\n');
    }

    private static void AppendBase85(StringBuilder text, ReadOnlySpan<byte> line)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        Span<char> digits = stackalloc char[5];
        for (; !line.IsEmpty; line = line[Math.Min(word.Length, line.Length)..])
        {
            word.Clear();
            line[..Math.Min(word.Length, line.Length)].CopyTo(word);
            uint value = BinaryPrimitives.ReadUInt32BigEndian(word);
            for (int i = digits.Length - 1; i >= 0; i--)
            {
                digits[i] = Alphabet[(int)(value % (uint)Alphabet.Length)];
                value /= (uint)Alphabet.Length;
            }

            text.Append(digits);
        }
    }
}
