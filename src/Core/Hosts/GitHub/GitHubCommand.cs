using System.Text;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>
/// Writes commands as the runner's parser reads them: <c>::name key=value,key=value::data</c> on one line, of which it decodes <c>%25</c>,
/// <c>%0D</c> and <c>%0A</c>, and in values of properties <c>%3A</c> and <c>%2C</c> too.
/// </summary>
internal static class GitHubCommand
{
    /// <summary>One command. Properties without a value are left out.</summary>
    public static string Of(string name, string data, params ReadOnlySpan<(string Key, string? Value)> properties)
    {
        var command = new StringBuilder("::").Append(name);
        char separator = ' ';
        foreach ((string key, string? value) in properties)
        {
            if (!string.IsNullOrEmpty(value))
            {
                command.Append(separator).Append(key).Append('=').Append(Property(value));
                separator = ',';
            }
        }

        return command.Append("::").Append(Data(data)).ToString();
    }

    // The percent sign first: what the others become holds one.
    private static string Data(string text) =>
        text.Replace("%", "%25", StringComparison.Ordinal)
            .Replace("\r", "%0D", StringComparison.Ordinal)
            .Replace("\n", "%0A", StringComparison.Ordinal);

    private static string Property(string text) =>
        Data(text).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
}
