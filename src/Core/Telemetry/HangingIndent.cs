using Spectre.Console.Rendering;

namespace IsolatedAgents.Telemetry;

/// <summary>Breaks a line that is longer than the window between words, and indents what follows below its beginning.</summary>
internal static class HangingIndent
{
    // In a narrower window the indent would leave no room, and the terminal breaks lines itself.
    private const int LeastColumns = 20;

    /// <summary>Appends a text to lines.</summary>
    /// <param name="lines">Receives one line or several, without line breaks.</param>
    /// <param name="first">What the first line begins with.</param>
    /// <param name="following">What the others begin with; as wide as <paramref name="first"/>.</param>
    /// <param name="text">One line.</param>
    /// <param name="columns">The width of the window in cells; null where there is none, and lines stay whole.</param>
    public static void Append(ICollection<string> lines, string first, string following, string text, int? columns)
    {
        if (columns is not int width || width < LeastColumns || CellsOf(first) + CellsOf(text) <= width)
        {
            lines.Add(first + text);
            return;
        }

        string line = first;
        int cells = CellsOf(first);
        bool isBegun = false;
        foreach (string word in text.Split(' '))
        {
            int wordCells = CellsOf(word);
            if (isBegun && cells + 1 + wordCells > width)
            {
                lines.Add(line);
                (line, cells, isBegun) = (following, CellsOf(following), false);
            }

            line += isBegun ? " " + word : word;
            cells += wordCells + (isBegun ? 1 : 0);
            isBegun = true;
        }

        lines.Add(line);
    }

    // Wide characters, such as Chinese ones and emoji, take two cells.
    private static int CellsOf(string text) => new Segment(text).CellCount();
}
