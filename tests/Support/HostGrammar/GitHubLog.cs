using System.Collections.Immutable;

namespace IsolatedAgents.HostGrammar;

/// <summary>A command that a host has taken from a log.</summary>
internal sealed record HostCommand(string Name, ImmutableDictionary<string, string> Properties, string Data)
{
    public string? Property(string name) => Properties.GetValueOrDefault(name);
}

/// <summary>
/// Reads a step's log as the Actions runner does, written from what its parser accepts: a command at the start of a line behind blanks, an
/// old one anywhere in a line, none but the token while commands are stopped.
/// </summary>
internal sealed class GitHubLog
{
    private static readonly string[] Names =
    [
        "error",
        "warning",
        "notice",
        "debug",
        "group",
        "endgroup",
        "add-mask",
        "stop-commands",
        "echo",
        "add-matcher",
        "remove-matcher",
        "set-output",
        "save-state",
        "set-env",
        "add-path",
    ];

    private readonly List<HostCommand> _commands = [];
    private readonly List<string> _text = [];
    private string? _token;

    private GitHubLog() { }

    /// <summary>What was obeyed, in order; the ends of fences are not among it.</summary>
    public IReadOnlyList<HostCommand> Commands => _commands;

    /// <summary>What is shown as it is.</summary>
    public IReadOnlyList<string> Text => _text;

    /// <summary>Whether commands are stopped at the end of the log.</summary>
    public bool IsStopped => _token is not null;

    public IEnumerable<HostCommand> Named(string name) => _commands.Where(command => command.Name == name);

    public static GitHubLog Read(string log)
    {
        GitHubLog read = new();
        foreach (string line in log.ReplaceLineEndings("\n").Split('\n'))
        {
            read.Take(line);
        }

        return read;
    }

    private void Take(string line)
    {
        HostCommand? command = ParseNew(line) ?? ParseOld(line);
        if (_token is not null)
        {
            if (command?.Name == _token)
            {
                _token = null;
                return;
            }

            _text.Add(line);
            return;
        }

        if (command is null || !Names.Contains(command.Name))
        {
            _text.Add(line);
            return;
        }

        _commands.Add(command);
        if (command.Name == "stop-commands")
        {
            _token = command.Data;
        }
    }

    private static HostCommand? ParseNew(string line)
    {
        string text = line.TrimStart();
        if (!text.StartsWith("::", StringComparison.Ordinal) || text.IndexOf("::", 2, StringComparison.Ordinal) is not (> 0 and var end))
        {
            return null;
        }

        string head = text[2..end];
        int space = head.IndexOf(' ', StringComparison.Ordinal);
        return Create(
            space < 0 ? head : head[..space],
            space < 0 ? "" : head[(space + 1)..],
            ',',
            text[(end + 2)..],
            DecodeProperty,
            DecodeData
        );
    }

    private static HostCommand? ParseOld(string line)
    {
        int start = line.IndexOf("##[", StringComparison.Ordinal);
        if (start < 0 || line.IndexOf(']', start) is not (> 0 and var end))
        {
            return null;
        }

        string head = line[(start + 3)..end];
        int space = head.IndexOf(' ', StringComparison.Ordinal);
        return Create(space < 0 ? head : head[..space], space < 0 ? "" : head[(space + 1)..], ';', line[(end + 1)..], DecodeOld, DecodeOld);
    }

    private static HostCommand Create(
        string name,
        string properties,
        char separator,
        string data,
        Func<string, string> property,
        Func<string, string> content
    ) =>
        new(
            name.ToLowerInvariant() is { } lower && Names.Contains(lower) ? lower : name,
            properties
                .Split(separator, StringSplitOptions.RemoveEmptyEntries)
                .Select(pair => pair.Split('=', 2))
                .Where(pair => pair.Length == 2)
                .ToImmutableDictionary(pair => pair[0].Trim(), pair => property(pair[1])),
            content(data)
        );

    private static string DecodeData(string text) => text.Replace("%0D", "\r").Replace("%0A", "\n").Replace("%25", "%");

    private static string DecodeProperty(string text) =>
        text.Replace("%0D", "\r").Replace("%0A", "\n").Replace("%3A", ":").Replace("%2C", ",").Replace("%25", "%");

    private static string DecodeOld(string text) =>
        text.Replace("%3B", ";").Replace("%0D", "\r").Replace("%0A", "\n").Replace("%5D", "]").Replace("%25", "%");
}
