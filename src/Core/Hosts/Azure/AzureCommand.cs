using System.Text;

namespace IsolatedAgents.Hosts.Azure;

/// <summary>
/// Writes commands as the agent's parser reads them: <c>##vso[area.event key=value;]data</c>, which ends at the first bracket. It decodes
/// <c>%3B</c>, <c>%0D</c>, <c>%0A</c> and <c>%5D</c>, and at last <c>%AZP25</c>.
/// </summary>
internal static class AzureCommand
{
    /// <summary>One command. Properties without a value are left out.</summary>
    public static string Of(string name, string data, params ReadOnlySpan<(string Key, string? Value)> properties)
    {
        var command = new StringBuilder("##vso[").Append(name);
        string separator = " ";
        foreach ((string key, string? value) in properties)
        {
            if (!string.IsNullOrEmpty(value))
            {
                command.Append(separator).Append(key).Append('=').Append(Escape(value)).Append(';');
                separator = "";
            }
        }

        return command.Append(']').Append(Escape(data)).ToString();
    }

    // The percent sign first: what the others become holds one.
    private static string Escape(string text) =>
        text.Replace("%", "%AZP25", StringComparison.Ordinal)
            .Replace(";", "%3B", StringComparison.Ordinal)
            .Replace("\r", "%0D", StringComparison.Ordinal)
            .Replace("\n", "%0A", StringComparison.Ordinal)
            .Replace("]", "%5D", StringComparison.Ordinal);
}
