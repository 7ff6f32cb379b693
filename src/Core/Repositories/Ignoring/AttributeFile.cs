using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>One line of a file of attributes: the files that it is for, and the attributes that it sets.</summary>
/// <param name="Pattern">Which files.</param>
/// <param name="Names">Attributes that are set or have a value. One that a line takes away again counts as if it were there still.</param>
internal sealed record AttributeLine(IgnorePattern Pattern, string[] Names);

/// <summary>The lines of one file of attributes: gitattributes(5), as attr.c reads them.</summary>
internal sealed class AttributeFile
{
    private const string MacroPrefix = "[attr]";

    private readonly List<AttributeLine> _lines = [];
    private readonly List<(string Name, string[] Names)> _macros = [];

    private AttributeFile() { }

    /// <summary>The lines that are for files.</summary>
    public IReadOnlyList<AttributeLine> Lines => _lines;

    /// <summary>Attributes that stand for others.</summary>
    public IReadOnlyList<(string Name, string[] Names)> Macros => _macros;

    /// <summary>Reads a file's content.</summary>
    public static AttributeFile Parse(ReadOnlySpan<byte> content)
    {
        if (content.StartsWith("\uFEFF"u8))
        {
            content = content["\uFEFF"u8.Length..];
        }

        AttributeFile file = new();
        foreach (Range line in content.Split((byte)'\n'))
        {
            file.Add(content[line].Trim(" \t\r"u8));
        }

        return file;
    }

    private void Add(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || line[0] == '#')
        {
            return;
        }

        if (line[0] != '"' || QuotedName.Read(line) is not var (pattern, length))
        {
            length = line.IndexOfAny(" \t\r"u8);
            length = length < 0 ? line.Length : length;
            pattern = line[..length].ToArray();
        }

        string[] names =
        [
            .. Encoding
                .UTF8.GetString(line[length..])
                .Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries)
                .Where(word => word[0] is not ('-' or '!'))
                .Select(word => word.Split('=')[0]),
        ];
        if (pattern.Length > MacroPrefix.Length && pattern.AsSpan().StartsWith("[attr]"u8))
        {
            _macros.Add((Encoding.UTF8.GetString(pattern.AsSpan(MacroPrefix.Length)), names));
        }
        else if (names.Length > 0 && IgnorePattern.OfAttribute(pattern) is { } files)
        {
            _lines.Add(new AttributeLine(files, names));
        }
    }
}
