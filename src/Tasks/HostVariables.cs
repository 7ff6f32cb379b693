using System.Collections;
using System.Collections.Frozen;

namespace IsolatedAgents.Tasks;

/// <summary>The one place where this assembly looks at the process's environment.</summary>
internal static class HostVariables
{
    /// <summary>The variables as they are now, under names as the system compares them.</summary>
    public static FrozenDictionary<string, string> Snapshot()
    {
        StringComparer comparer = OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        var variables = new Dictionary<string, string>(comparer);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable.Value is string value)
            {
                variables[(string)variable.Key] = value;
            }
        }

        return variables.ToFrozenDictionary(comparer);
    }
}
