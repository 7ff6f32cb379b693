using System.Text.Json.Nodes;

namespace IsolatedAgents.Policies.Keys;

/// <summary>Lists of fixed words, for messages and for JSON.</summary>
internal static class Words
{
    /// <summary><c>'a', 'b' or 'c'</c>.</summary>
    public static string Either(IEnumerable<string> words)
    {
        string[] quoted = [.. words.Select(word => $"'{word}'")];
        return quoted.Length == 1 ? quoted[0] : $"{string.Join(", ", quoted[..^1])} or {quoted[^1]}";
    }

    public static JsonArray Json(IEnumerable<string> words) => new([.. words.Select(word => JsonValue.Create(word))]);
}
