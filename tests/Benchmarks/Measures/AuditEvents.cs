using System.Diagnostics;
using IsolatedAgents.Audit;
using IsolatedAgents.Events;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Formatting.Compact;
using ZLogger;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>Events in a file with our hash chain over each of them, against loggers that chain nothing.</summary>
internal sealed class AuditEvents : IMeasure
{
    private const int Count = 500_000;
    private const string Session = "0198c0de5f2a7b3c8d4e5f60718293a4";
    private const string Line = "reviewed src/Core/Runs/AgentRunner.cs: nothing found";

    private static readonly DateTimeOffset Start = new(2026, 11, 22, 15, 30, 47, TimeSpan.Zero);

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-benchmark-").FullName;

    public string Name => "audit-events";

    public IReadOnlyList<Peer> Peers =>
        [new("Serilog compact, no chain", 1 / 1.4, WriteSerilogAsync), new("ZLogger JSON, no chain", 1, WriteZLoggerAsync)];

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, "audit.jsonl");
        File.Delete(path);
        AuditHeader header = new()
        {
            Timestamp = Start,
            SessionId = Session,
            PolicySha256 = "",
            PolicyFile = null,
            AgentName = "bench",
            AgentSha256 = "",
            HostName = "host",
            OperatingSystem = "",
            ProcessId = 1,
        };
        TimeSpan time;
        using (
            AuditLog log = AuditLog.Open(
                path,
                header,
                () => throw new InvalidOperationException("The log cannot be written."),
                cancellationToken: cancellationToken
            )
        )
        {
            AgentOutput output = new(OutputStream.Standard, Line, Cut: false) { SessionId = Session };
            long began = Stopwatch.GetTimestamp();
            for (int i = 1; i <= Count; i++)
            {
                output.Sequence = i;
                output.Timestamp = Start.AddTicks(i * 70L);
                log.Write(output);
            }

            log.Seal(Start, "passed");
            time = Stopwatch.GetElapsedTime(began);
        }

        using FileStream file = File.OpenRead(path);
        AuditVerification verification = AuditVerifier.Verify(file, expectedHead: null, cancellationToken);
        return verification.Status == AuditStatus.Sealed
            ? Task.FromResult(time)
            : throw new InvalidOperationException(verification.Message);
    }

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }

    private Task<TimeSpan> WriteSerilogAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, "serilog.jsonl");
        File.Delete(path);
        long began = Stopwatch.GetTimestamp();
        using (
            Logger logger = new LoggerConfiguration()
                .WriteTo.File(new CompactJsonFormatter(), path, fileSizeLimitBytes: null, buffered: true)
                .CreateLogger()
        )
        {
            for (int i = 1; i <= Count; i++)
            {
                logger.Information(
                    "{severity_number} {event_name} {event_id} {seq} {session_id} {stream} {body}",
                    9,
                    "agent.output",
                    301,
                    i,
                    Session,
                    "stdout",
                    Line
                );
            }
        }

        return Checked(path, Stopwatch.GetElapsedTime(began));
    }

    private Task<TimeSpan> WriteZLoggerAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, "zlogger.jsonl");
        File.Delete(path);
        long began = Stopwatch.GetTimestamp();
        using (
            ILoggerFactory factory = LoggerFactory.Create(builder => builder.AddZLoggerFile(path, options => options.UseJsonFormatter()))
        )
        {
            Microsoft.Extensions.Logging.ILogger logger = factory.CreateLogger("IsolatedAgents");
            for (int i = 1; i <= Count; i++)
            {
                logger.ZLogInformation(
                    $"{9:@severity_number} {"agent.output":@event_name} {301:@event_id} {i:@seq} {Session:@session_id} {"stdout":@stream} {Line:@body}"
                );
            }
        }

        return Checked(path, Stopwatch.GetElapsedTime(began));
    }

    private static Task<TimeSpan> Checked(string path, TimeSpan time) =>
        File.ReadLines(path).Count() == Count
            ? Task.FromResult(time)
            : throw new InvalidOperationException($"{Path.GetFileName(path)} has not {Count} lines.");
}
