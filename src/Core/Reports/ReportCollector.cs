using System.Collections.Immutable;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Policies;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Reports;

/// <summary>
/// Keeps of a run's events what reports show. An agent may cause any number of them: everything here is bounded, and what is left out is
/// counted.
/// </summary>
internal sealed class ReportCollector : ITelemetrySink
{
    private const int MaxViolations = 1000;
    private const int MaxTimeline = 300;
    private const int MaxSamples = 240;
    private const int MaxPackages = 10_000;

    private readonly List<FoundViolation> _violations = [];
    private readonly Dictionary<(ViolationKind Kind, string Subject, bool IsExpected), int> _places = [];
    private readonly HashSet<int> _omitted = [];
    private readonly List<TimelineEntry> _timeline = [];
    private readonly List<string> _installing = [];
    private List<UsageSample> _samples = [];
    private DateTimeOffset? _start;
    private UsagePeak _peak = new(0, 0, 0, null, 0);
    private long _omittedTimeline;
    private long _logLines;
    private int _stride = 1;
    private int _sinceSample;

    public string? Engine { get; private set; }

    public string? ImageDigest { get; private set; }

    /// <summary>The packages that were installed, and not only requested.</summary>
    public ImmutableArray<InstalledPackage> Packages { get; private set; } = [];

    public ImmutableArray<FoundViolation> Violations => [.. _violations];

    /// <summary>How many distinct ones are not among <see cref="Violations"/>, at the least.</summary>
    public long OmittedViolations => _omitted.Count;

    public ImmutableArray<TimelineEntry> Timeline => [.. _timeline];

    public long OmittedTimeline => _omittedTimeline;

    public ImmutableArray<UsageSample> Usage => [.. _samples];

    public UsagePeak Peak => _peak with { LogLines = _logLines };

    public void Write(TelemetryEvent telemetryEvent)
    {
        _start ??= telemetryEvent.Timestamp;
        TimeSpan offset = telemetryEvent.Timestamp - _start.Value;
        switch (telemetryEvent)
        {
            case AgentOutput:
                _logLines++;
                return;
            case FileRead
            or FileWritten
            or FileDeleted
            or FileRenamed
            or ProcessStarted
            or NetworkRequest
            or NetworkBlocked
            or NetworkClosed
            or DependenciesProgress:
                return;
            case ResourceUsage usage:
                TakeUsage(usage, offset);
                return;
            case SessionInitializing session:
                Engine = session.ContainerRuntime;
                break;
            case ContainerProvisioning { Digest: { } digest }:
                ImageDigest = digest;
                break;
            case DependenciesInstalling installing:
                _installing.AddRange(installing.Packages.Take(MaxPackages - _installing.Count));
                break;
            case DependenciesInstalled:
                Packages = [.. _installing.Distinct(StringComparer.Ordinal).Select(InstalledPackage.Parse)];
                break;
            case AgentCompleted completed:
                _peak = _peak with { AgentTime = completed.Duration };
                break;
            case AgentFailed failed:
                _peak = _peak with { AgentTime = failed.Duration };
                break;
            case TimeoutExceeded timeout:
                _peak = _peak with { AgentTime = timeout.Elapsed };
                break;
            case ResourceOutOfMemory memory:
                _peak = _peak with { MemoryBytes = Math.Max(_peak.MemoryBytes, memory.MemoryUsed) };
                break;
            case OutputLimitExceeded output:
                _peak = _peak with { OutputBytes = Math.Max(_peak.OutputBytes, output.Current) };
                break;
            case ViolationFilesystem { IsBuiltIn: true } or ViolationProcess { IsBuiltIn: true }:
                // The record has it; to a reader of a report it would be noise.
                return;
        }

        if (FoundViolation.Of(telemetryEvent) is { } violation)
        {
            TakeViolation(violation);
        }

        TakeTimeline(telemetryEvent, offset);
    }

    public ValueTask FlushAsync() => ValueTask.CompletedTask;

    private void TakeTimeline(TelemetryEvent telemetryEvent, TimeSpan offset)
    {
        if (_timeline.Count < MaxTimeline || telemetryEvent is SessionCompleted or SessionFailed)
        {
            _timeline.Add(
                new TimelineEntry(
                    offset,
                    telemetryEvent.Descriptor.Name,
                    SimpleFormat.Body(telemetryEvent)[telemetryEvent.Descriptor.Name.Length..].TrimStart()
                )
            );
        }
        else
        {
            _omittedTimeline++;
        }
    }

    private void TakeUsage(ResourceUsage usage, TimeSpan offset)
    {
        _peak = _peak with
        {
            CpuPercent = Math.Max(_peak.CpuPercent, usage.CpuPercent),
            MemoryBytes = Math.Max(_peak.MemoryBytes, usage.MemoryUsed),
            OutputBytes = Math.Max(_peak.OutputBytes, usage.DiskUsed ?? 0),
        };
        if (++_sinceSample < _stride)
        {
            return;
        }

        _sinceSample = 0;
        _samples.Add(new UsageSample(offset, usage.CpuPercent, usage.MemoryUsed));
        if (_samples.Count >= MaxSamples)
        {
            // Every other one stays, and from now on half as many come: a day is as many samples as a minute.
            _samples = [.. _samples.Where((_, index) => index % 2 == 1)];
            _stride *= 2;
        }
    }

    private void TakeViolation(FoundViolation violation)
    {
        (ViolationKind Kind, string Subject, bool IsExpected) key = (violation.Kind, violation.Subject, violation.IsExpected);
        if (_places.TryGetValue(key, out int index))
        {
            _violations[index] = _violations[index] with { Count = _violations[index].Count + violation.Count };
        }
        else if (_violations.Count < MaxViolations)
        {
            _places[key] = _violations.Count;
            _violations.Add(violation);
        }
        else if (_omitted.Count < MaxViolations * 10)
        {
            // Their hashes are enough to count them.
            _omitted.Add(key.GetHashCode());
        }
    }
}
