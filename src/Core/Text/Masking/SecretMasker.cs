using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace IsolatedAgents.Text.Masking;

/// <summary>
/// Replaces secrets by <c>***</c>, in the forms that they usually leak in: as they are, line by line, Base64 (whatever surrounds them),
/// percent-encoded, hexadecimal, JSON-escaped, and disguised (<see cref="DisguisedSecrets"/>). Immutable; safe for any number of threads.
/// </summary>
internal sealed class SecretMasker
{
    private const string Base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// <summary>Shorter secrets are not masked: they would blot out ordinary text. The policy refuses them.</summary>
    public const int MinimumLength = 4;

    /// <summary>The text that replaces a secret.</summary>
    public const string Replacement = "***";

    /// <summary>Longest first, so that the first match at a position is the longest.</summary>
    private readonly string[] _forms;
    private readonly SearchValues<string> _search;

    /// <summary>Of forms in Base64 whose last bits stand in one more character: what that may be.</summary>
    private readonly Dictionary<string, string> _rests = new(StringComparer.Ordinal);
    private readonly DisguisedSecrets _disguised;

    /// <param name="secrets">What is to be masked; looked at more than once.</param>
    public SecretMasker(IReadOnlyCollection<string> secrets)
    {
        var forms = new HashSet<string>(StringComparer.Ordinal);
        foreach (string secret in secrets)
        {
            AddForms(secret, forms, _rests);
            if (secret.AsSpan().IndexOfAny('\r', '\n') >= 0)
            {
                foreach (string line in secret.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                {
                    AddForms(line, forms, _rests);
                }
            }
        }

        _forms = [.. forms.Where(form => form.Length >= MinimumLength).OrderByDescending(form => form.Length)];
        _search = SearchValues.Create(_forms, StringComparison.Ordinal);
        _disguised = new DisguisedSecrets(secrets.Where(secret => secret.Length >= MinimumLength), _forms);
    }

    /// <summary>Masks nothing.</summary>
    public static SecretMasker None { get; } = new([]);

    /// <summary>Whether there is nothing to mask.</summary>
    public bool IsEmpty => _forms.Length == 0;

    /// <summary>The text without secrets; the same instance where it holds none.</summary>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public string? Mask(string? text)
    {
        if (text is null || IsEmpty)
        {
            return text;
        }

        if (text.AsSpan().IndexOfAny(_search) >= 0)
        {
            var masked = new StringBuilder(text.Length);
            MaskComplete(text, masked, text.Length);
            text = masked.ToString();
        }

        return _disguised.Mask(text);
    }

    /// <summary>Finds secrets that are broken over the lines of one stream.</summary>
    public BrokenSecrets NewBrokenSecrets() => new(_forms);

    /// <summary>The texts without secrets.</summary>
    public ImmutableArray<string> Mask(ImmutableArray<string> texts) =>
        IsEmpty || texts.IsDefaultOrEmpty ? texts : [.. texts.Select(text => Mask(text))];

    /// <summary>
    /// Masks the start of a text whose end is not known yet, and gives how much of it that start is: what is left could be the start of a
    /// secret, and has to be offered again with what follows.
    /// </summary>
    /// <param name="text">The text so far.</param>
    /// <param name="masked">Receives the masked start.</param>
    public int MaskStart(ReadOnlySpan<char> text, StringBuilder masked)
    {
        int settled = MaskComplete(text, masked, 0, isStart: true);
        int open = HasRest(text[settled..]) ? text.Length - settled : OpenTail(text[settled..]);
        int end = text.Length - open;
        masked.Append(text[settled..end]);
        return end;
    }

    /// <summary>
    /// Appends everything up to the end of the last secret, and from there up to <paramref name="end"/> where that is further.
    /// </summary>
    private int MaskComplete(ReadOnlySpan<char> text, StringBuilder masked, int end, bool isStart = false)
    {
        int position = 0;
        while (true)
        {
            ReadOnlySpan<char> rest = text[position..];
            int found = rest.IndexOfAny(_search);
            if (found < 0)
            {
                break;
            }

            int length = LongestAt(rest[found..]);
            if (isStart && found + length == rest.Length && HasRest(rest[found..]))
            {
                // One more character of it may follow: it is offered again with that.
                masked.Append(rest[..found]);
                return position + found;
            }

            masked.Append(rest[..found]).Append(Replacement);
            position += found + length;
        }

        if (position < end)
        {
            masked.Append(text[position..end]);
            position = end;
        }

        return position;
    }

    private int LongestAt(ReadOnlySpan<char> text)
    {
        foreach (string form in _forms)
        {
            if (text.StartsWith(form, StringComparison.Ordinal))
            {
                bool hasRest =
                    text.Length > form.Length
                    && _rests.TryGetValue(form, out string? rest)
                    && rest.Contains(text[form.Length], StringComparison.Ordinal);
                return form.Length + (hasRest ? 1 : 0);
            }
        }

        return 1;
    }

    /// <summary>Whether a text is a whole form whose last bits stand in a character behind it.</summary>
    private bool HasRest(ReadOnlySpan<char> text) =>
        _rests.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out string? rest) && rest.Length > 0;

    private int OpenTail(ReadOnlySpan<char> text)
    {
        int longest = 0;
        foreach (string form in _forms)
        {
            for (int length = Math.Min(form.Length - 1, text.Length); length > longest; length--)
            {
                if (text.EndsWith(form.AsSpan(0, length), StringComparison.Ordinal))
                {
                    longest = length;
                }
            }
        }

        return longest;
    }

    private static void AddForms(string secret, HashSet<string> forms, Dictionary<string, string> rests)
    {
        if (secret.Length < MinimumLength)
        {
            return;
        }

        forms.Add(secret);
        string percent = Uri.EscapeDataString(secret);
        forms.Add(percent);
        forms.Add(percent.Replace("%20", "+", StringComparison.Ordinal));
        forms.Add(LowerEscapes(percent));
        forms.Add(JsonEncodedText.Encode(secret).Value);
        forms.Add(JsonEncodedText.Encode(secret, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value);
        byte[] bytes = Encoding.UTF8.GetBytes(secret);
        forms.Add(Convert.ToHexString(bytes));
        forms.Add(Convert.ToHexStringLower(bytes));
        for (int phase = 0; phase < 3; phase++)
        {
            (string base64, string rest) = Base64At(bytes, phase);
            foreach (string form in (string[])[base64, base64.Replace('+', '-').Replace('/', '_')])
            {
                forms.Add(form);
                rests[form] = rest;
            }
        }
    }

    /// <summary>
    /// The characters that depend on the secret alone when it starts <paramref name="phase"/> bytes into a group of three; and those of
    /// which one stands behind them, with the secret's last bits first.
    /// </summary>
    private static (string Form, string Behind) Base64At(byte[] bytes, int phase)
    {
        byte[] shifted = new byte[phase + bytes.Length];
        bytes.CopyTo(shifted, phase);
        int start = ((phase * 8) + 5) / 6;
        int end = shifted.Length * 8 / 6;
        int known = shifted.Length * 8 % 6;
        string base64 = Convert.ToBase64String(shifted);
        if (known == 0)
        {
            return (base64[start..end], "");
        }

        int first = Base64Alphabet.IndexOf(base64[end], StringComparison.Ordinal) >> (6 - known) << (6 - known);
        return (
            base64[start..end],
            string.Concat(Base64Alphabet.AsSpan(first, 1 << (6 - known)), first + (1 << (6 - known)) == Base64Alphabet.Length ? "-_" : "")
        );
    }

    private static string LowerEscapes(string percent)
    {
        var text = new StringBuilder(percent);
        for (int i = 0; i < text.Length - 2; i++)
        {
            if (text[i] == '%')
            {
                text[i + 1] = char.ToLowerInvariant(text[i + 1]);
                text[i + 2] = char.ToLowerInvariant(text[i + 2]);
            }
        }

        return text.ToString();
    }
}
