using System.Globalization;
using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Text;

namespace IsolatedAgents.Policies.Suggestions;

/// <summary>
/// Reads the events of a session record, an audit log, or JSON telemetry that was kept: one JSON object a line. Bounded, and strict.
/// </summary>
internal static class SessionRecordReader
{
    private const int MaxLineBytes = 1024 * 1024;
    private const int MaxDepth = 8;
    private const byte LineFeed = (byte)'\n';

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Gives each event to <paramref name="take"/>. A last line that was cut off, as by a crash, is left out.</summary>
    /// <param name="record">Read from where it stands to its end.</param>
    /// <param name="name">The record as the user named it.</param>
    /// <param name="take">Called for each event, which is gone when it returns.</param>
    /// <exception cref="ConfigurationException">IA1003: a line is no event.</exception>
    /// <exception cref="IOException">The record cannot be read.</exception>
    public static void Read(Stream record, string name, Action<RecordedEvent> take)
    {
        byte[] buffer = new byte[MaxLineBytes + 1];
        int filled = 0;
        for (int line = 1; ; line++)
        {
            int end = buffer.AsSpan(0, filled).IndexOf(LineFeed);
            for (int count = 1; end < 0 && count > 0 && filled < buffer.Length; )
            {
                count = record.Read(buffer, filled, buffer.Length - filled);
                int at = buffer.AsSpan(filled, count).IndexOf(LineFeed);
                end = at < 0 ? -1 : filled + at;
                filled += count;
            }

            if (end < 0)
            {
                _ = filled <= MaxLineBytes ? 0 : throw Error(name, line, "is longer than any event");
                return;
            }

            Take(buffer.AsMemory(0, end), name, line, take);
            filled -= end + 1;
            buffer.AsSpan(end + 1, filled).CopyTo(buffer);
        }
    }

    private static void Take(ReadOnlyMemory<byte> line, string name, int number, Action<RecordedEvent> take)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, Options);
            RecordedEvent recorded = new(document.RootElement);
            if (document.RootElement.ValueKind != JsonValueKind.Object || recorded.Name.Length == 0)
            {
                throw Error(name, number, "is no event");
            }

            take(recorded);
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            throw Error(name, number, "is no JSON object with each name once");
        }
    }

    private static ConfigurationException Error(string name, int line, string problem) =>
        new(
            new Diagnostic(
                DiagnosticTable.Parameters,
                DiagnosticSeverity.Error,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Line {line} of '{QuotedText.Of(name)}' {problem}; give a session.jsonl of a report directory, an audit log, or JSON telemetry."
                )
            )
            {
                File = name,
                Line = line,
                Column = 1,
            }
        );
}
