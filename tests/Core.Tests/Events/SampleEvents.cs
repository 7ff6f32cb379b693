using System.Collections.Immutable;
using IsolatedAgents.Events;

namespace IsolatedAgents.Core.Tests.Events;

/// <summary>One of each kind of event, with every detail that it can have, as the customer's example shows it where it does.</summary>
internal static class SampleEvents
{
    public const long Megabyte = 1024 * 1024;

    public static DateTimeOffset Start { get; } = new(2026, 11, 22, 15, 30, 45, TimeSpan.Zero);

    public static ImmutableArray<TelemetryEvent> All { get; } =
    [
        new SessionInitializing("Podman", "Local Filesystem", "File"),
        new PolicyValidating(2, 1024 * Megabyte, "Disabled", TimeSpan.FromSeconds(300), [new("pids_limit", "256")]),
        new ContainerProvisioning("python:3.11-slim", "python@sha256:abc", "abc123def456", "Unix socket, files mounted", "Running"),
        new SandboxVerified([new("Network", "refused"), new("Host files", "absent")]),
        new AgentInjecting("langchain_research_agent", 2458, ["langchain", "langchain-openai"]),
        new DependenciesInstalling(["langchain==0.1.0", "langchain-openai==0.0.5"], "Installing..."),
        new DependenciesProgress("langchain", 3 * Megabyte, 5 * Megabyte, 60, 30.5),
        new DependenciesInstalled(2, 12_897_485, TimeSpan.FromSeconds(8)),
        new DependenciesFailed("invalid-package==1.0.0", "Package not found", "Agent execution aborted"),
        new AgentStarting("python3 /tmp/_agent_bootstrap.py"),
        new AgentOutput(OutputStream.Error, "hello world", true),
        new AgentCompleted(0, TimeSpan.FromSeconds(23), "Success"),
        new AgentFailed(3, "SIGSEGV", TimeSpan.FromSeconds(23), "Failed"),
        new ProcessStarted("ls -l", 7),
        new ResourceUsage(15.2, 156 * Megabyte, 1024 * Megabyte, 2458, 15_974, 4_404_019, 10 * Megabyte),
        new ResourceCpuHigh(92.3, 90, "Monitoring"),
        new ResourceMemoryHigh(92.3, 90, "Monitoring"),
        new ResourceOutOfMemory(1024 * Megabyte, 1024 * Megabyte, "Container terminated"),
        new ResourcePidsExhausted(256, "fork refused"),
        new FileRead("/workspace/data.csv", true, 3),
        new FileWritten("/output/analysis.json", true, 3),
        new FileDeleted("/output/old.json", true, 3),
        new FileRenamed("/output/a", "/output/b", true, 3),
        new NetworkRequest("api.openai.com", 443, "POST", "Allowed", 3)
        {
            Protocol = "HTTP",
            Path = "/v1/chat/completions",
            ResponseCode = 200,
        },
        new NetworkBlocked("malicious.com", 80, "Not in allowed endpoints", "Denied", 3),
        new NetworkClosed("api.openai.com", 443, 10, 20, TimeSpan.FromSeconds(1.5)) { Error = "The server ended the connection" },
        new ModelUsed("api.openai.com", 443, "chat", "openai", "gpt-4o", "gpt-4o-2024-08-06", 1200, 80),
        new ModelLimitExceeded(1280, 1000, "Agent terminated"),
        new ViolationFilesystem("/etc/passwd", "Outside allowed paths", "Access blocked", "filesystem.allowed_read_paths", "/bin/cat", 3),
        new ViolationNetwork(
            "unauthorized.com",
            443,
            "Not in allowed endpoints",
            "Connection blocked",
            "network.allowed_endpoints",
            "/bin/curl",
            3
        ),
        new ViolationProcess("ptrace", "Never allowed", "Call refused", "seccomp", "/bin/strace", 3),
        new ViolationOutput("link", "Symbolic link", "Skipped", "output"),
        new TimeoutApproaching(TimeSpan.FromSeconds(270), TimeSpan.FromSeconds(300), TimeSpan.FromSeconds(30)),
        new TimeoutExceeded(TimeSpan.FromSeconds(300), TimeSpan.FromSeconds(300), "Agent terminated"),
        new OutputCollecting("/output", 3, [new("analysis.json", 4301), new("summary.txt", 1843)], 6144),
        new OutputCollected("analysis.json", 4301, "Copied to host"),
        new OutputLimitApproaching(9_961_472, 10 * Megabyte, 524_288),
        new OutputLimitExceeded(11_010_048, 10 * Megabyte, "Collection aborted"),
        new WorkspaceChanged("src/Program.cs", "Changed", 4301, "Applied"),
        new WorkspaceHeldBack("Makefile", "Created", "Runs code on a developer's machine", "filesystem.allowed_code_paths"),
        new WorkspaceLeft(1204, 35, 3, 48 * Megabyte),
        new ContainerRemoving("abc123def456", "removed"),
        new SessionCompleted(TimeSpan.FromSeconds(33), 0, 2, 6144),
        new SessionFailed("timeout", TimeSpan.FromSeconds(33), 124),
        new TelemetrySuppressed("file.read", 1000, "Too many a second"),
    ];

    /// <summary>The run that the customer's text shows, with the second at which each event happens.</summary>
    public static ImmutableArray<(string Time, TelemetryEvent Event)> Seed { get; } =
    [
        ("15:30:45", new SessionInitializing("Podman", "Local Filesystem", "File")),
        ("15:30:46", new PolicyValidating(2, 1024 * Megabyte, "Disabled", TimeSpan.FromSeconds(300), [])),
        ("15:30:47", new ContainerProvisioning("python:3.11-slim", null, "abc123def456", null, "Running")),
        ("15:30:48", new AgentInjecting("langchain_research_agent", 2458, ["langchain", "langchain-openai"])),
        ("15:30:49", new DependenciesInstalling(["langchain==0.1.0", "langchain-openai==0.0.5"], "Installed (12.3 MB)")),
        ("15:30:52", new AgentStarting("python3 /tmp/_agent_bootstrap.py")),
        ("15:30:53", new ResourceUsage(15.2, 156 * Megabyte, 1024 * Megabyte, 0, 0)),
        ("15:30:55", new FileRead("/workspace/data.csv")),
        ("15:30:57", new NetworkRequest("api.openai.com", 443, "POST", "Allowed")),
        ("15:31:00", new ResourceUsage(45.8, 312 * Megabyte, 1024 * Megabyte, 2458, 15_974)),
        ("15:31:05", new FileWritten("/output/analysis.json")),
        ("15:31:08", new ResourceCpuHigh(92.3, 90, "Monitoring")),
        ("15:31:10", new ResourceUsage(78.5, 445 * Megabyte, 1024 * Megabyte, 5325, 28_774)),
        ("15:31:15", new AgentCompleted(0, TimeSpan.FromSeconds(23), "Success")),
        ("15:31:16", new OutputCollecting(null, null, [new("analysis.json", 4301), new("summary.txt", 1843)], 6144)),
        ("15:31:17", new ContainerRemoving("abc123def456", "removed")),
        ("15:31:18", new SessionCompleted(TimeSpan.FromSeconds(33), 0, 2, 6144)),
    ];

    /// <summary>The same event, stamped as a stream would stamp it.</summary>
    public static T Stamped<T>(T telemetryEvent, long sequence = 3, double seconds = 2.123456)
        where T : TelemetryEvent
    {
        telemetryEvent = (T)telemetryEvent.Copy();
        telemetryEvent.Sequence = sequence;
        telemetryEvent.Timestamp = Start.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        telemetryEvent.SessionId = "s-1";
        return telemetryEvent;
    }

    private static TelemetryEvent Copy(this TelemetryEvent telemetryEvent) => telemetryEvent with { };
}
