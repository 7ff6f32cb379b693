using System.Buffers;
using System.Globalization;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Host names as RFC 1123 and IDNA write them.</summary>
internal static class HostNames
{
    private const int MaxLength = 253;
    private const int MaxLabel = 63;

    private static readonly SearchValues<char> LabelCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true };

    /// <summary>
    /// Accepts a host name and gives it in lower-case ASCII without a trailing dot, so that comparing labels exactly is enough.
    /// </summary>
    public static Checked<string> Check(string host)
    {
        string lower = host.ToLowerInvariant();
        if (lower.EndsWith('.'))
        {
            lower = lower[..^1];
        }

        string ascii;
        try
        {
            ascii = System.Text.Ascii.IsValid(lower) ? lower : Idn.GetAscii(lower);

            // A label that claims to be Punycode must be one.
            _ = ascii.Contains("xn--", StringComparison.Ordinal) ? Idn.GetUnicode(ascii) : ascii;
        }
        catch (ArgumentException)
        {
            return Checked<string>.Refused("it is no valid international host name; write it in Punycode ('xn--…')");
        }

        if (ascii.Length > MaxLength || !ascii.Split('.').All(IsLabel))
        {
            return Checked<string>.Refused(
                "a host name is made of labels of letters, digits and inner hyphens, at most 63 characters each; write it such as 'api.example.com'"
            );
        }

        return ascii;
    }

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= MaxLabel && label[0] != '-' && label[^1] != '-' && !label.AsSpan().ContainsAnyExcept(LabelCharacters);
}
