using System.Text;
using System.Text.Json;

namespace IsolatedAgents.Policies.Suggestions;

/// <summary>
/// Changes a policy file's text and leaves the rest of it, comments included, as its author wrote it. The text is a valid policy.
/// </summary>
internal sealed class PolicyTextEditor
{
    private const string Indent = "  ";
    private static readonly JsonReaderOptions Options = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private readonly string _newLine;
    private byte[] _text;

    public PolicyTextEditor(string text)
    {
        _newLine = text.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
        _text = Encoding.UTF8.GetBytes(text);
    }

    /// <summary>The text as it is now.</summary>
    public string Text => Encoding.UTF8.GetString(_text);

    /// <summary>Makes one change.</summary>
    public void Apply(PolicyChange change)
    {
        string[] names = change.Key.Split('.');
        Span root = FindRoot();
        if (names is [string section, string inner])
        {
            if (Find(root, section) is not { } members)
            {
                Insert(root, 1, Quote(section) + ": {" + _newLine + Line(2, Quote(inner) + ": " + Value(change)) + _newLine + Indent + "}");
                return;
            }

            Set(members, 2, inner, change);
            return;
        }

        Set(root, 1, change.Key, change);
    }

    private void Set(Span members, int depth, string name, PolicyChange change)
    {
        if (Find(members, name) is not { } value)
        {
            Insert(members, depth, Quote(name) + ": " + Value(change));
        }
        else if (change.Value is null)
        {
            string items = string.Join(", ", change.Added.Select(Quote));
            Replace(value.Start + 1, value.Start + 1, items + (value.IsEmpty ? "" : ", "));
        }
        else
        {
            Replace(value.Start, value.End, Value(change));
        }
    }

    private void Insert(Span members, int depth, string member) =>
        Replace(
            members.Start + 1,
            members.Start + 1,
            _newLine
                + Line(depth, member)
                + (
                    !members.IsEmpty ? ","
                    : IsBrokenAfter(members.Start + 1) ? ""
                    : _newLine + Repeat(depth - 1)
                )
        );

    private bool IsBrokenAfter(int at) => _text.AsSpan(at).TrimStart((byte)' ') is [(byte)'\r' or (byte)'\n', ..];

    private void Replace(int start, int end, string text) =>
        _text = [.. _text.AsSpan(0, start), .. Encoding.UTF8.GetBytes(text), .. _text.AsSpan(end)];

    private Span FindRoot()
    {
        Utf8JsonReader reader = new(_text, Options);
        reader.Read();
        return ReadSpan(ref reader);
    }

    // Where the value of a member is.
    private Span? Find(Span members, string name)
    {
        Utf8JsonReader reader = new(_text.AsSpan(members.Start, members.End - members.Start), Options);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isWanted = reader.ValueTextEquals(name);
            reader.Read();
            Span value = ReadSpan(ref reader);
            if (isWanted)
            {
                return new Span(value.Start + members.Start, value.End + members.Start, value.IsEmpty);
            }
        }

        return null;
    }

    private static Span ReadSpan(ref Utf8JsonReader reader)
    {
        int start = (int)reader.TokenStartIndex;
        bool isEmpty = true;
        if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            int depth = reader.CurrentDepth;
            while (reader.Read() && reader.CurrentDepth > depth)
            {
                isEmpty = false;
            }
        }

        return new Span(start, (int)reader.BytesConsumed, isEmpty);
    }

    private static string Value(PolicyChange change) =>
        change.Value is { } number
            ? JsonSerializer.Serialize(number, SuggestionContext.Default.Int64)
            : "[" + string.Join(", ", change.Added.Select(Quote)) + "]";

    private static string Quote(string text) => JsonSerializer.Serialize(text, SuggestionContext.Default.String);

    private static string Line(int depth, string text) => Repeat(depth) + text;

    private static string Repeat(int depth) => string.Concat(Enumerable.Repeat(Indent, depth));

    private readonly record struct Span(int Start, int End, bool IsEmpty);
}
