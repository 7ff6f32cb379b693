using System.Buffers;
using System.Text;

namespace IsolatedAgents.Text.Masking;

/// <summary>
/// Finds secrets that are not there as they are: with any of their characters escaped, once or several times over, with invisible
/// characters or terminal sequences in between, as hexadecimal digits with separators, and broken over lines. Immutable; safe for any
/// number of threads.
/// </summary>
internal sealed class DisguisedSecrets
{
    // The text itself and three times what it stands for: a JSON text in a JSON text in a URL.
    private const int MaxLevels = 4;

    // Of a secret that is broken over lines one part is at least half of it (less than half can stay), or a piece of a long one that chance
    // does not make.
    private const int TellingLength = 12;

    // A line in the middle of a secret is told by being nothing else.
    private const int LeastMiddle = 8;

    // What an escape or a terminal sequence begins with, controls, and characters that nobody sees.
    private static readonly SearchValues<char> Signs = SearchValues.Create(
        "%\\\u00AD\u034F\u061C\u180E\u200B\u200C\u200D\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\uFEFF"
            + string.Concat(Enumerable.Range(0, 0x20).Append(0x7F).Select(code => (char)code))
    );

    private readonly byte[][] _secrets;
    private readonly byte[][] _hexadecimal;
    private readonly string[] _forms;

    /// <param name="secrets">As they are.</param>
    /// <param name="forms">Those, and what they become in the usual encodings.</param>
    public DisguisedSecrets(IEnumerable<string> secrets, IEnumerable<string> forms)
    {
        _secrets = [.. secrets.Select(Encoding.UTF8.GetBytes)];
        _hexadecimal = [.. _secrets.Select(secret => Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret)))];
        _forms = [.. forms.Where(form => form.Length >= 2 * SecretMasker.MinimumLength)];
    }

    /// <summary>The text without them; the same instance where it holds none.</summary>
    public string Mask(string text)
    {
        if (text.AsSpan().IndexOfAny(Signs) >= 0)
        {
            text = MaskView(text, DecodedView.Of, _secrets, MaxLevels);
        }

        return MaskPieces(MaskView(text, DecodedView.HexadecimalDigits, _hexadecimal, levels: 1));
    }

    private static string MaskView(string text, Func<string, DecodedView?> look, byte[][] secrets, int levels)
    {
        DecodedView? view = look(text);
        int level = 1;
        while (view is not null)
        {
            if (Find(view, secrets) is { } found)
            {
                // What is left, which is shorter, is looked at anew: another secret may be disguised more deeply.
                text = Replace(text, found);
                view = look(text);
                level = 1;
            }
            else if (++level > levels || !view.Decode())
            {
                break;
            }
        }

        return text;
    }

    private static List<(int Start, int End)>? Find(DecodedView view, byte[][] secrets)
    {
        List<(int Start, int End)>? found = null;
        foreach (byte[] secret in secrets)
        {
            int from = 0;
            while (view.Bytes[from..].IndexOf(secret) is >= 0 and int at)
            {
                (found ??= []).Add(view.Source(from + at, secret.Length));
                from += at + secret.Length;
            }
        }

        return found;
    }

    private static string Replace(string text, List<(int Start, int End)> found)
    {
        found.Sort();
        StringBuilder masked = new(text.Length);
        int position = 0;
        foreach ((int start, int end) in found)
        {
            if (start >= position)
            {
                masked.Append(text, position, start - position).Append(SecretMasker.Replacement);
            }

            position = Math.Max(position, end);
        }

        return masked.Append(text, position, text.Length - position).ToString();
    }

    private string MaskPieces(string text)
    {
        int start = 0;
        int end = text.Length;
        foreach (string form in _forms)
        {
            int least = Math.Min(Math.Max(SecretMasker.MinimumLength, form.Length / 2), TellingLength);
            ReadOnlySpan<char> line = text.AsSpan().Trim();
            if (line.Length >= LeastMiddle && line.Length < form.Length && form.AsSpan().Contains(line, StringComparison.Ordinal))
            {
                return SecretMasker.Replacement;
            }

            for (int length = Math.Min(form.Length - 1, text.Length); length >= least; length--)
            {
                if (text.AsSpan().StartsWith(form.AsSpan(form.Length - length), StringComparison.Ordinal))
                {
                    start = Math.Max(start, length);
                }

                if (text.AsSpan().EndsWith(form.AsSpan(0, length), StringComparison.Ordinal))
                {
                    end = Math.Min(end, text.Length - length);
                }
            }
        }

        if (start == 0 && end == text.Length)
        {
            return text;
        }

        return start >= end
            ? SecretMasker.Replacement
            : $"{(start > 0 ? SecretMasker.Replacement : "")}{text.AsSpan(start, end - start)}{(end < text.Length ? SecretMasker.Replacement : "")}";
    }
}
