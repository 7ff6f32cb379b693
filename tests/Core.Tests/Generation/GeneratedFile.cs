namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>A file, or parts of one, that follows from a table of the product.</summary>
/// <param name="Path">Below the repository's root, with forward slashes.</param>
/// <param name="Table">The table, as a message names it.</param>
/// <param name="Names">What the file must have of each row.</param>
/// <param name="Generate">Gives the whole file; takes it as it is, for the parts that people write.</param>
internal sealed record GeneratedFile(string Path, string Table, IReadOnlyList<string> Names, Func<string, string> Generate)
{
    public string FullPath => Repository.File(Path.Split('/'));

    public string Read() => File.Exists(FullPath) ? File.ReadAllText(FullPath) : "";

    /// <summary>Replaces what stands between two lines, which stay.</summary>
    public static string ReplaceBetween(string text, string begin, string end, IEnumerable<string> lines)
    {
        int from = text.IndexOf(begin, StringComparison.Ordinal);
        Assert.IsGreaterThanOrEqualTo(0, from, $"'{begin}' is missing.");
        from += begin.Length;
        int to = text.IndexOf(end, from, StringComparison.Ordinal);
        Assert.IsGreaterThanOrEqualTo(0, to, $"'{end}' is missing.");
        return text[..from] + string.Concat(lines.Select(line => line + "\n")) + text[to..];
    }
}
