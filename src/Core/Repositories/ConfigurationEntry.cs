using System.Buffers;
using System.Text;

namespace IsolatedAgents.Repositories;

/// <summary>One setting of a git configuration file: git-config(1).</summary>
/// <param name="Section">The section, in lower case: <c>remote</c>.</param>
/// <param name="Subsection">The part in quotation marks, as it is; null where there is none.</param>
/// <param name="Key">The variable, in lower case: <c>url</c>.</param>
/// <param name="Value">The value without quotation marks and escapes; null where the variable stands alone, which means true.</param>
internal sealed record ConfigurationEntry(string Section, string? Subsection, string Key, string? Value)
{
    private const string SchemeEnd = "://";

    private static readonly SearchValues<char> AfterHost = SearchValues.Create("/?# \t\"'\n");

    // What a section may hold besides, its credentials are: helpers, user names and stored answers.
    private static readonly string[] SecretSections = ["credential"];

    private static readonly string[] SecretKeys =
    [
        "extraheader",
        "cookiefile",
        "password",
        "passwd",
        "pass",
        "smtppass",
        "token",
        "oauthtoken",
        "secret",
        "apikey",
        "sslkey",
        "sslcert",
    ];

    // What a command or a nested setting hands over by these words is one.
    private static readonly string[] SecretWords = ["extraheader", "password", "passwd", "sshpass", "token", "secret"];

    /// <summary>Whether the setting is there to hold a credential, or to lead to one.</summary>
    public bool IsCredential =>
        SecretSections.Contains(Section)
        || Array.Exists(SecretKeys, secret => Key == secret || Key.EndsWith(secret, StringComparison.Ordinal))
        || (
            Value is not null
            && WithoutUserInformation(Value) is var plain
            && Array.Exists(SecretWords, word => plain.Contains(word, StringComparison.OrdinalIgnoreCase))
        )
        || (Key.EndsWith("proxy", StringComparison.Ordinal) && Value?.Contains('@', StringComparison.Ordinal) == true);

    /// <summary>The same setting, with no user name or password in the address that it holds or is about.</summary>
    public ConfigurationEntry WithoutUserInformation() =>
        this with
        {
            Subsection = Subsection is null ? null : WithoutUserInformation(Subsection),
            Value = Value is null ? null : WithoutUserInformation(Value),
        };

    /// <summary>The setting as a line of its section.</summary>
    public string ToLine() =>
        Value is null
            ? $"\t{Key}\n"
            : $"\t{Key} = \"{Escape(Value).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal).Replace("\b", "\\b", StringComparison.Ordinal)}\"\n";

    /// <summary>The head of its section.</summary>
    public string ToHead() => Subsection is null ? $"[{Section}]\n" : $"[{Section} \"{Escape(Subsection)}\"]\n";

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    // An address may stand anywhere in a value, and more than one may. The user's part ends at the last '@' before the path.
    private static string WithoutUserInformation(string text)
    {
        StringBuilder plain = new(text.Length);
        int position = 0;
        for (int scheme; (scheme = text.IndexOf(SchemeEnd, position, StringComparison.Ordinal)) >= 0; )
        {
            int start = scheme + SchemeEnd.Length;
            int end = text.AsSpan(start).IndexOfAny(AfterHost);
            end = end < 0 ? text.Length : start + end;
            int at = text.LastIndexOf('@', end - 1, end - start);
            plain.Append(text, position, start - position);
            position = at >= start ? at + 1 : start;
        }

        return plain.Append(text, position, text.Length - position).ToString();
    }
}
