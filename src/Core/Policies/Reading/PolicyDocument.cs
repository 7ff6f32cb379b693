using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Reading;

/// <summary>
/// Reads JSON into nodes that know their place. Only the form is judged here. It is no serializer: nothing in the text can name a type.
/// </summary>
internal sealed class PolicyDocument
{
    public const int MaxBytes = 1 << 20;

    private const int MaxDepth = 16;

    private static readonly JsonReaderOptions Options = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = MaxDepth,
    };

    private readonly PolicySource _source;
    private readonly JsonTextMap _map;

    private PolicyDocument(PolicySource source, JsonTextMap map)
    {
        _source = source;
        _map = map;
    }

    /// <summary>Reads a whole text. A byte order mark is no part of it.</summary>
    public static PolicyNode Parse(byte[] utf8, PolicySource source)
    {
        byte[] text = utf8.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? utf8[Encoding.UTF8.Preamble.Length..] : utf8;
        JsonTextMap map = new(text);
        int invalid = map.FirstInvalidByte();
        if (invalid >= 0)
        {
            throw source.Error(
                map.At(invalid),
                string.Create(CultureInfo.InvariantCulture, $"The byte 0x{text[invalid]:X2} is not UTF-8; save the policy as UTF-8.")
            );
        }

        return new PolicyDocument(source, map).ParseRoot(text);
    }

    private PolicyNode ParseRoot(byte[] text)
    {
        Utf8JsonReader reader = new(text, Options);
        try
        {
            reader.Read();
            PolicyNode root = ReadValue(ref reader);

            // Read to the end: text after the root is an error that only the next read finds.
            reader.Read();
            return root;
        }
        catch (JsonException e)
        {
            throw _source.Error(_map.At(e.LineNumber ?? 0, e.BytePositionInLine ?? 0), Malformed(e));
        }
    }

    private static string Malformed(JsonException e)
    {
        if (e.Message.StartsWith("The maximum configured depth", StringComparison.Ordinal))
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"The JSON is nested deeper than {MaxDepth} levels; a policy needs no more than 4."
            );
        }

        if (e.Message.StartsWith("The input does not contain any JSON tokens", StringComparison.Ordinal))
        {
            return "There is no JSON here; a policy is an object, write '{}' for the default policy.";
        }

        // The parser's own message repeats the place, counted otherwise.
        int place = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string reason = (place < 0 ? e.Message : e.Message[..place]).TrimEnd('.', ' ');
        return $"The JSON is malformed: {QuotedText.Of(reason)}; correct it here or just before.";
    }

    private PolicyNode ReadValue(ref Utf8JsonReader reader)
    {
        TextPosition position = _map.At(reader.TokenStartIndex);
        return reader.TokenType switch
        {
            JsonTokenType.StartObject => new PolicyNode(PolicyNodeKind.Object, position) { Members = ReadMembers(ref reader) },
            JsonTokenType.StartArray => new PolicyNode(PolicyNodeKind.Array, position) { Items = ReadItems(ref reader) },
            JsonTokenType.String => new PolicyNode(PolicyNodeKind.Text, position) { Text = ReadText(ref reader, position) },
            JsonTokenType.Number => new PolicyNode(PolicyNodeKind.Number, position) { Text = Encoding.UTF8.GetString(reader.ValueSpan) },
            JsonTokenType.True => new PolicyNode(PolicyNodeKind.True, position),
            JsonTokenType.False => new PolicyNode(PolicyNodeKind.False, position),
            _ => new PolicyNode(PolicyNodeKind.Null, position),
        };
    }

    private ImmutableArray<PolicyNode> ReadItems(ref Utf8JsonReader reader)
    {
        ImmutableArray<PolicyNode>.Builder items = ImmutableArray.CreateBuilder<PolicyNode>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(ReadValue(ref reader));
        }

        return items.ToImmutable();
    }

    private ImmutableArray<PolicyMember> ReadMembers(ref Utf8JsonReader reader)
    {
        ImmutableArray<PolicyMember>.Builder members = ImmutableArray.CreateBuilder<PolicyMember>();
        Dictionary<string, TextPosition> seen = new(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            TextPosition position = _map.At(reader.TokenStartIndex);
            string name = ReadText(ref reader, position);
            if (!seen.TryAdd(name, position))
            {
                throw _source.Error(
                    position,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Duplicate key '{QuotedText.Of(name)}', first set on line {seen[name].Line}; keep one of them."
                    )
                );
            }

            reader.Read();
            members.Add(new PolicyMember(name, position, ReadValue(ref reader)));
        }

        return members.ToImmutable();
    }

    private string ReadText(ref Utf8JsonReader reader, TextPosition position)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw _source.Error(
                position,
                "The text holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character; write the whole pair."
            );
        }
    }
}
