using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using IsolatedAgents.Events;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// A million events as JSON lines in a file, against the least that any program would do with the framework's own writer.
/// </summary>
internal sealed class JsonEvents : IMeasure
{
    private const int Count = 1_000_000;
    private const int BufferLength = 64 * 1024;
    private const string Session = "0198c0de5f2a7b3c8d4e5f60718293a4";
    private const string Line = "reviewed src/Core/Runs/AgentRunner.cs: nothing found";

    private static readonly DateTimeOffset Start = new(2026, 11, 22, 15, 30, 47, TimeSpan.Zero);

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-benchmark-").FullName;
    private double _bytesPerEvent;

    public string Name => "json-events";

    public IReadOnlyList<Peer> Peers => [new("bare Utf8JsonWriter", 1.05, WriteBareAsync)];

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, "ours.jsonl");
        TimeSpan time;
        using (FileStream file = Create(path))
        {
            JsonFormat format = new(file);
            AgentOutput output = new(OutputStream.Standard, Line, Cut: false) { SessionId = Session };
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long began = Stopwatch.GetTimestamp();
            for (int i = 1; i <= Count; i++)
            {
                output.Sequence = i;
                output.Timestamp = At(i);
                format.Write(output);
            }

            format.Flush();
            time = Stopwatch.GetElapsedTime(began);
            _bytesPerEvent = (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)Count;
        }

        Check(path);
        return Task.FromResult(time);
    }

    public IEnumerable<string> Notes() =>
        [string.Create(CultureInfo.InvariantCulture, $"allocated by ours: {_bytesPerEvent:0.000} bytes an event")];

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static FileStream Create(string path) => new(path, FileMode.Create, FileAccess.Write, FileShare.Read, BufferLength);

    private static DateTimeOffset At(int sequence) => Start.AddTicks(sequence * 7L * TimeSpan.TicksPerMicrosecond);

    private Task<TimeSpan> WriteBareAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, "bare.jsonl");
        TimeSpan time;
        ArrayBufferWriter<byte> line = new(BufferLength);
        using (FileStream file = Create(path))
        using (Utf8JsonWriter writer = new(line, new JsonWriterOptions { SkipValidation = true }))
        {
            // Over a stream, the writer would flush the file with each event.
            long began = Stopwatch.GetTimestamp();
            for (int i = 1; i <= Count; i++)
            {
                line.ResetWrittenCount();
                writer.Reset();
                writer.WriteStartObject();
                writer.WriteString("timestamp"u8, At(i).UtcDateTime);
                writer.WriteString("severity_text"u8, "INFO");
                writer.WriteNumber("severity_number"u8, 9);
                writer.WriteString("event.name"u8, "agent.output");
                writer.WriteNumber("event.id"u8, 301);
                writer.WriteNumber("seq"u8, i);
                writer.WriteString("session.id"u8, Session);
                writer.WriteString("body"u8, Line);
                writer.WriteString("log.iostream"u8, "stdout");
                writer.WriteEndObject();
                writer.Flush();
                line.Write("\n"u8);
                file.Write(line.WrittenSpan);
            }

            file.Flush();
            time = Stopwatch.GetElapsedTime(began);
        }

        Check(path);
        return Task.FromResult(time);
    }

    // Lines are counted and every thousandth is read again, so that speed is not bought with broken JSON.
    private static void Check(string path)
    {
        int count = 0;
        foreach (string line in File.ReadLines(path))
        {
            count++;
            if (count % 1000 != 1)
            {
                continue;
            }

            using JsonDocument document = JsonDocument.Parse(line);
            if (
                document.RootElement.GetProperty("seq").GetInt32() != count
                || document.RootElement.GetProperty("body").GetString() != Line
                || document.RootElement.GetProperty("timestamp").GetDateTimeOffset() != At(count)
            )
            {
                throw new InvalidOperationException($"Line {count} of {Path.GetFileName(path)} is not the event that was written.");
            }
        }

        if (count != Count)
        {
            throw new InvalidOperationException($"{Path.GetFileName(path)} has {count} lines instead of {Count}.");
        }
    }
}
