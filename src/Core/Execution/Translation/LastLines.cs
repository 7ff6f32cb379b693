using IsolatedAgents.Text;

namespace IsolatedAgents.Execution.Translation;

/// <summary>
/// Keeps the last lines that an agent wrote, for the error that says how it ended: a build shows that error, and often no event.
/// </summary>
internal sealed class LastLines
{
    private const int Kept = 3;
    private const int MaxLength = 160;

    private readonly string?[] _lines = new string?[Kept];
    private int _next;

    /// <summary>Takes a line; blank ones say nothing.</summary>
    /// <param name="line">As the agent wrote it.</param>
    public void Add(string line)
    {
        if (!string.IsNullOrWhiteSpace(line))
        {
            _lines[_next] = line;
            _next = (_next + 1) % Kept;
        }
    }

    /// <summary>A sentence with the lines, oldest first and escaped, with a blank before it; empty where the agent wrote none.</summary>
    public override string ToString()
    {
        string[] quoted = [.. Enumerable.Range(0, Kept).Select(offset => _lines[(_next + offset) % Kept]).OfType<string>().Select(Quote)];
        return quoted.Length == 0 ? "" : $" It wrote last: {string.Join(", ", quoted)}.";
    }

    private static string Quote(string line)
    {
        string text = line.Trim();
        return $"'{UntrustedText.Display(text.Length <= MaxLength ? text : text[..MaxLength] + "…")}'";
    }
}
