using System.Buffers;
using System.Collections.Immutable;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>All forms of a run's secrets, and where one stands in a text.</summary>
internal sealed class SecretForms
{
    // Lines may be broken within Base64, but not so early that what is no secret would be held back.
    private const int BeforeBreaks = 8;
    private const int MostBreaks = 4;

    private readonly ImmutableArray<SecretForm> _forms;

    /// <param name="secrets">Each with what is to stand in place of it.</param>
    public SecretForms(IEnumerable<(string Secret, string Placeholder)> secrets)
    {
        _forms = [.. secrets.SelectMany(secret => SecretForm.Of(secret.Secret, secret.Placeholder))];
        Starts = SearchValues.Create([
            .. _forms.SelectMany(form => form.First).Append((byte)'%').Append((byte)'\\').Append((byte)'&').Distinct(),
        ]);
    }

    /// <summary>The bytes that a form may begin with.</summary>
    public SearchValues<byte> Starts { get; }

    /// <summary>Looks whether a form begins at the beginning of a text.</summary>
    /// <param name="text">Not empty.</param>
    /// <param name="isAll">Whether nothing follows it.</param>
    /// <param name="found">The form that stands there; null where none does, or where more must come to tell.</param>
    /// <returns>The bytes that it takes; 0 where none stands there, and -1 where more must come to tell.</returns>
    public int Match(ReadOnlySpan<byte> text, bool isAll, out SecretForm? found)
    {
        int longest = 0;
        found = null;
        foreach (SecretForm form in _forms)
        {
            int length = Match(form, text, 0);
            if (length < 0 && !isAll)
            {
                found = null;
                return -1;
            }

            if (length > longest)
            {
                longest = length;
                found = form;
            }
        }

        return longest;
    }

    private static int Match(SecretForm form, ReadOnlySpan<byte> text, int place)
    {
        int at = 0;
        int breaks = 0;
        while (place < form.Length)
        {
            if (at == text.Length)
            {
                return -1;
            }

            byte value = text[at];
            int escape = value is (byte)'%' or (byte)'\\' or (byte)'&' ? EscapedByte.Read(text[at..], out value) : 0;
            if (escape < 0)
            {
                return -1;
            }

            if (form.Allows(place, text[at]))
            {
                // What looks like an escape may be the secret itself.
                int rest = escape > 0 ? Match(form, text[(at + 1)..], place + 1) : 0;
                if (rest != 0)
                {
                    return rest < 0 ? rest : at + 1 + rest;
                }

                if (escape == 0)
                {
                    at++;
                    place++;
                    breaks = 0;
                    continue;
                }
            }

            if (escape > 0 && form.Allows(place, value))
            {
                at += escape;
                place++;
                breaks = 0;
            }
            else if (
                form.IsWrapped
                && place >= BeforeBreaks
                && (escape > 0 ? value : text[at]) is (byte)'\r' or (byte)'\n'
                && ++breaks <= MostBreaks
            )
            {
                at += Math.Max(1, escape);
            }
            else
            {
                return 0;
            }
        }

        return at;
    }
}
