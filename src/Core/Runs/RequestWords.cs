using IsolatedAgents.Engines;

namespace IsolatedAgents.Runs;

/// <summary>The words that every front end takes for the choices of a request.</summary>
internal static class RequestWords
{
    /// <summary>The engine that a word names; null where it names none. No word is the default.</summary>
    public static EngineKind? Engine(string? word) => Choose<EngineKind>(word);

    /// <summary>The transport that a word names.</summary>
    public static TransportKind? Transport(string? word) => Choose<TransportKind>(word);

    /// <summary>The delivery that a word names.</summary>
    public static DeliveryKind? Delivery(string? word) => Choose<DeliveryKind>(word);

    /// <summary>The words of a choice, as a sentence takes them.</summary>
    public static string Of<T>()
        where T : struct, Enum
    {
        return Of(Enum.GetNames<T>().Select(name => name.ToLowerInvariant()));
    }

    /// <summary>Several words, as a sentence takes them.</summary>
    public static string Of(IEnumerable<string> words)
    {
        string[] quoted = [.. words.Select(word => $"'{word}'")];
        return $"{string.Join(", ", quoted[..^1])} or {quoted[^1]}";
    }

    // A number would be taken for the choice at that place, and is no word.
    private static T? Choose<T>(string? word)
        where T : struct, Enum =>
        string.IsNullOrEmpty(word) ? default(T)
        : Enum.GetNames<T>().FirstOrDefault(name => name.Equals(word, StringComparison.OrdinalIgnoreCase)) is { } name ? Enum.Parse<T>(name)
        : null;
}
