using System.Globalization;

namespace IsolatedAgents.Supervisor.Identity;

/// <summary>A user of the image, as passwd(5) has it.</summary>
/// <param name="Name">The name.</param>
/// <param name="UserId">The number.</param>
/// <param name="GroupId">The number of the user's group.</param>
/// <param name="Home">The home folder.</param>
internal sealed record UserEntry(string Name, int UserId, int GroupId, string Home);

/// <summary>The users and groups that an image knows: passwd(5) and group(5). What is malformed is passed over.</summary>
internal sealed class UserDatabase
{
    public const string UserFile = "/etc/passwd";
    public const string GroupFile = "/etc/group";

    private const int MaxNameLength = 32;
    private const string Shell = "/bin/sh";

    private readonly string[] _userLines;
    private readonly string[] _groupLines;

    /// <param name="userLines">The lines of <c>/etc/passwd</c>.</param>
    /// <param name="groupLines">The lines of <c>/etc/group</c>.</param>
    public UserDatabase(string[] userLines, string[] groupLines)
    {
        _userLines = userLines;
        _groupLines = groupLines;
    }

    /// <summary>Reads those of the image.</summary>
    public static UserDatabase Read() => new(ImageFile.ReadLines(UserFile), ImageFile.ReadLines(GroupFile));

    /// <summary>The user of a name, or else of a number; null where there is none.</summary>
    public UserEntry? FindUser(string nameOrNumber)
    {
        UserEntry[] users = [.. _userLines.Select(ParseUser).OfType<UserEntry>()];
        return users.FirstOrDefault(user => user.Name == nameOrNumber)
            ?? (ParseNumber(nameOrNumber) is { } number ? users.FirstOrDefault(user => user.UserId == number) : null);
    }

    /// <summary>The number of a group that is given by its name or its number; null where the name belongs to none.</summary>
    public int? FindGroup(string nameOrNumber)
    {
        foreach (string line in _groupLines)
        {
            if (line.Split(':') is [var name, _, var number, ..] && name == nameOrNumber && ParseNumber(number) is { } found)
            {
                return found;
            }
        }

        return ParseNumber(nameOrNumber);
    }

    /// <summary>A name for a user number: the image's, or one that it does not use.</summary>
    public string NameOf(int userId) =>
        FindUser(Text(userId)) is { } user && user.UserId == userId && IsPlainName(user.Name) ? user.Name
        : FindUser("agent") is null ? "agent"
        : $"agent-{Text(userId)}";

    /// <summary>
    /// The text of <c>/etc/passwd</c> with the agent in it: the image's lines, but for another line of the same number or name.
    /// </summary>
    /// <param name="agent">The agent's entry.</param>
    public string UsersWith(UserEntry agent) =>
        Lines(
            _userLines.Where(line => ParseUser(line) is { } other && other.UserId != agent.UserId && other.Name != agent.Name),
            $"{agent.Name}:x:{Text(agent.UserId)}:{Text(agent.GroupId)}:{agent.Name}:{agent.Home}:{Shell}"
        );

    /// <summary>The text of <c>/etc/group</c> with the agent's group in it, under the image's name for it where it has one.</summary>
    /// <param name="agent">The agent's entry.</param>
    public string GroupsWith(UserEntry agent) =>
        _groupLines.Any(line => line.Split(':') is [_, _, var number, ..] && ParseNumber(number) == agent.GroupId)
            ? Lines(_groupLines, null)
            : Lines(
                _groupLines.Where(line => !line.StartsWith(agent.Name + ":", StringComparison.Ordinal)),
                $"{agent.Name}:x:{Text(agent.GroupId)}:"
            );

    /// <summary>A number of a user or group; null where the text is none that a kernel takes for one.</summary>
    public static int? ParseNumber(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Lines(IEnumerable<string> lines, string? last) =>
        string.Concat((last is null ? lines : lines.Append(last)).Select(line => line + "\n"));

    private static UserEntry? ParseUser(string line) =>
        line.Split(':') is [{ Length: > 0 } name, _, var user, var group, _, var home, _]
        && ParseNumber(user) is { } userId
        && ParseNumber(group) is { } groupId
            ? new UserEntry(name, userId, groupId, home)
            : null;

    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= MaxNameLength
        && name[0] != '-'
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.');
}
