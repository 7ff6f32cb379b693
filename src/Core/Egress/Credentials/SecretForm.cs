using System.Text;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>One way in which a secret may stand in an answer: for each of its places the bytes that may stand there.</summary>
internal sealed class SecretForm
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    private readonly bool[] _places;

    private SecretForm(byte[] placeholder, int length, bool isWrapped)
    {
        Placeholder = placeholder;
        Length = length;
        IsWrapped = isWrapped;
        _places = new bool[length * 256];
    }

    /// <summary>The placeholder that replaces it for the agent.</summary>
    public byte[] Placeholder { get; }

    /// <summary>Places.</summary>
    public int Length { get; }

    /// <summary>Whether lines may be broken within.</summary>
    public bool IsWrapped { get; }

    /// <summary>
    /// The characters that may follow the last place, and hold the last bits of the secret beside others; null where nothing does.
    /// </summary>
    public bool[]? Rest { get; private init; }

    /// <summary>The bytes that may stand at the first place.</summary>
    public IEnumerable<byte> First => Enumerable.Range(0, 256).Where(value => _places[value]).Select(value => (byte)value);

    public bool Allows(int place, byte value) => _places[(place * 256) + value];

    /// <summary>The secret as it is, and in Base64 of either alphabet behind none, one or two other bytes.</summary>
    public static IEnumerable<SecretForm> Of(string secret, string placeholder)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(secret);
        byte[] instead = Encoding.ASCII.GetBytes(placeholder);
        SecretForm plain = new(instead, bytes.Length, isWrapped: false);
        for (int i = 0; i < bytes.Length; i++)
        {
            plain._places[(i * 256) + bytes[i]] = true;
        }

        return [plain, Coded(bytes, instead, 0), Coded(bytes, instead, 1), Coded(bytes, instead, 2)];
    }

    /// <summary>The characters that the secret decides alone, where it stands behind so many bytes of a group of three.</summary>
    private static SecretForm Coded(byte[] secret, byte[] placeholder, int before)
    {
        int first = ((before * 8) + 5) / 6;
        int bits = (before + secret.Length) * 8;
        int end = bits / 6;
        byte[] padded = [.. new byte[before], .. secret, 0];
        SecretForm form = new(placeholder, end - first, isWrapped: true)
        {
            Rest = bits % 6 == 0 ? null : Ending(Six(padded, end), bits % 6),
        };
        for (int place = first; place < end; place++)
        {
            Allow(form._places.AsSpan((place - first) * 256, 256), Six(padded, place));
        }

        return form;
    }

    /// <summary>The characters whose first bits are those of <paramref name="value"/>.</summary>
    private static bool[] Ending(int value, int bits)
    {
        bool[] allowed = new bool[256];
        for (int i = 0; i < 64; i++)
        {
            if (i >> (6 - bits) == value >> (6 - bits))
            {
                Allow(allowed, i);
            }
        }

        return allowed;
    }

    private static void Allow(Span<bool> place, int value)
    {
        place[Alphabet[value]] = true;
        if (value >= 62)
        {
            place[value == 62 ? '-' : '_'] = true;
        }
    }

    private static int Six(byte[] bytes, int place)
    {
        int bit = place * 6;
        int pair = (bytes[bit / 8] << 8) | (bit / 8 + 1 < bytes.Length ? bytes[(bit / 8) + 1] : 0);
        return (pair >> (10 - (bit % 8))) & 63;
    }
}
