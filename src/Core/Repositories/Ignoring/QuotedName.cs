namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>A name that git has written between quotes, as a string of C: quote.c.</summary>
internal static class QuotedName
{
    /// <summary>Reads the name that a text begins with.</summary>
    /// <param name="text">Begins with a quote.</param>
    /// <returns>The name, and how much of the text it takes with its quotes; null where it never ends.</returns>
    public static (byte[] Name, int Length)? Read(ReadOnlySpan<byte> text)
    {
        List<byte> name = [];
        for (int i = 1; i < text.Length; i++)
        {
            if (text[i] == '"')
            {
                return ([.. name], i + 1);
            }

            if (text[i] != '\\')
            {
                name.Add(text[i]);
            }
            else if (++i < text.Length)
            {
                name.Add(Unescape(text, ref i));
            }
        }

        return null;
    }

    private static byte Unescape(ReadOnlySpan<byte> text, ref int at)
    {
        if (text[at] is >= (byte)'0' and <= (byte)'3' && at + 2 < text.Length)
        {
            int value = ((text[at] - '0') << 6) | (((text[at + 1] - '0') & 7) << 3) | ((text[at + 2] - '0') & 7);
            at += 2;
            return (byte)value;
        }

        return text[at] switch
        {
            (byte)'a' => 7,
            (byte)'b' => 8,
            (byte)'t' => 9,
            (byte)'n' => 10,
            (byte)'v' => 11,
            (byte)'f' => 12,
            (byte)'r' => 13,
            byte other => other,
        };
    }
}
