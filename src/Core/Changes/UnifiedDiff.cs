using System.Globalization;
using System.Text;
using DiffPlex;
using DiffPlex.Model;

namespace IsolatedAgents.Changes;

/// <summary>
/// A change to a text in the form that <c>patch</c> and <c>git apply</c> take: GNU diffutils, "Detailed Description of Unified Format". A
/// line ends with a line feed and with nothing else, so that a carriage return is a part of it.
/// </summary>
internal static class UnifiedDiff
{
    private const int Context = 3;
    private const string NoFinalNewLine = "\n\\ No newline at end of file\n";

    /// <summary>Writes the change. Nothing where there is none.</summary>
    /// <param name="before">The text that was; empty where there was no file.</param>
    /// <param name="after">The text that is; empty where there is no file.</param>
    /// <param name="oldName">How the header names the old file.</param>
    /// <param name="newName">How the header names the new file.</param>
    public static string Create(string before, string after, string oldName, string newName)
    {
        long effort = long.MaxValue;
        return Create(before, after, oldName, newName, ref effort);
    }

    /// <summary>
    /// The same, where time is short: what would take more comparisons of lines than <paramref name="effort"/> is told as one large change,
    /// which is as true.
    /// </summary>
    public static string Create(string before, string after, string oldName, string newName, ref long effort)
    {
        DiffResult result = Compare(before, after, ref effort);
        if (result.DiffBlocks.Count == 0)
        {
            return "";
        }

        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"--- {oldName}\n+++ {newName}\n");
        for (int first = 0; first < result.DiffBlocks.Count; )
        {
            int last = first;
            while (
                last + 1 < result.DiffBlocks.Count
                && result.DiffBlocks[last + 1].DeleteStartA - EndA(result.DiffBlocks[last]) <= 2 * Context
            )
            {
                last++;
            }

            AppendHunk(text, result, first, last);
            first = last + 1;
        }

        return text.ToString();
    }

    private static DiffResult Compare(string before, string after, ref long effort)
    {
        IReadOnlyList<string> old = Lines.Instance.Chunk(before);
        IReadOnlyList<string> now = Lines.Instance.Chunk(after);
        int start = 0;
        while (start < old.Count && start < now.Count && old[start] == now[start])
        {
            start++;
        }

        int end = 0;
        while (end < old.Count - start && end < now.Count - start && old[^(end + 1)] == now[^(end + 1)])
        {
            end++;
        }

        int removed = old.Count - start - end;
        int added = now.Count - start - end;
        if (Math.BigMul(removed, added) is var cost && cost <= effort)
        {
            effort -= cost;
            return Differ.Instance.CreateDiffs(before, after, ignoreWhiteSpace: false, ignoreCase: false, Lines.Instance);
        }

        return new DiffResult([.. old], [.. now], [new DiffBlock(start, removed, start, added)]);
    }

    private static void AppendHunk(StringBuilder text, DiffResult result, int first, int last)
    {
        DiffBlock begin = result.DiffBlocks[first];
        DiffBlock end = result.DiffBlocks[last];
        int before = Math.Min(Context, begin.DeleteStartA);
        int after = Math.Min(Context, result.PiecesOld.Count - EndA(end));
        int oldStart = begin.DeleteStartA - before;
        int oldCount = EndA(end) + after - oldStart;
        int newStart = begin.InsertStartB - before;
        int newCount = end.InsertStartB + end.InsertCountB + after - newStart;
        text.Append(CultureInfo.InvariantCulture, $"@@ -{Range(oldStart, oldCount)} +{Range(newStart, newCount)} @@\n");
        int at = oldStart;
        for (int i = first; i <= last; i++)
        {
            DiffBlock block = result.DiffBlocks[i];
            Append(text, ' ', result.PiecesOld, at, block.DeleteStartA);
            Append(text, '-', result.PiecesOld, block.DeleteStartA, EndA(block));
            Append(text, '+', result.PiecesNew, block.InsertStartB, block.InsertStartB + block.InsertCountB);
            at = EndA(block);
        }

        Append(text, ' ', result.PiecesOld, at, at + after);
    }

    private static void Append(StringBuilder text, char mark, IReadOnlyList<string> lines, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            text.Append(mark).Append(lines[i]);
            if (!lines[i].EndsWith('\n'))
            {
                text.Append(NoFinalNewLine);
            }
        }
    }

    // Lines are counted from 1; an empty range names the line before it.
    private static string Range(int start, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{(count == 0 ? start : start + 1)}{(count == 1 ? "" : $",{count}")}");

    private static int EndA(DiffBlock block) => block.DeleteStartA + block.DeleteCountA;

    private sealed class Lines : IChunker
    {
        public static Lines Instance { get; } = new();

        public IReadOnlyList<string> Chunk(string text)
        {
            List<string> lines = [];
            for (int start = 0; start < text.Length; )
            {
                int end = text.IndexOf('\n', start);
                end = end < 0 ? text.Length : end + 1;
                lines.Add(text[start..end]);
                start = end;
            }

            return lines;
        }
    }
}
