using System.Collections.Immutable;
using System.Reflection;
using IsolatedAgents.Policies;

namespace IsolatedAgents.Events;

/// <summary>Every kind of event, in order of id.</summary>
public static class EventCatalog
{
    /// <summary><c>session.initializing</c>.</summary>
    public static EventDescriptor SessionInitializing { get; } =
        new(100, "session.initializing", TelemetryLevel.Info, "🚀", EventColor.Blue, "Initializing isolated sandbox...");

    /// <summary><c>policy.validating</c>.</summary>
    public static EventDescriptor PolicyValidating { get; } =
        new(101, "policy.validating", TelemetryLevel.Info, "🔧", EventColor.Blue, "Validating policy...");

    /// <summary><c>container.provisioning</c>.</summary>
    public static EventDescriptor ContainerProvisioning { get; } =
        new(102, "container.provisioning", TelemetryLevel.Info, "📦", EventColor.Blue, "Provisioning container...");

    /// <summary><c>sandbox.verified</c>.</summary>
    public static EventDescriptor SandboxVerified { get; } =
        new(103, "sandbox.verified", TelemetryLevel.Info, "✅", EventColor.Green, "Sandbox verified");

    /// <summary><c>agent.injecting</c>.</summary>
    public static EventDescriptor AgentInjecting { get; } =
        new(104, "agent.injecting", TelemetryLevel.Info, "📥", EventColor.Blue, "Injecting agent code...");

    /// <summary><c>dependencies.installing</c>.</summary>
    public static EventDescriptor DependenciesInstalling { get; } =
        new(200, "dependencies.installing", TelemetryLevel.Info, "🔌", EventColor.Blue, "Installing dependencies...");

    /// <summary><c>dependencies.progress</c>.</summary>
    public static EventDescriptor DependenciesProgress { get; } =
        new(201, "dependencies.progress", TelemetryLevel.Info, "🔌", EventColor.Blue, "Installing dependencies...");

    /// <summary><c>dependencies.installed</c>.</summary>
    public static EventDescriptor DependenciesInstalled { get; } =
        new(202, "dependencies.installed", TelemetryLevel.Info, "✅", EventColor.Green, "Dependencies installed");

    /// <summary><c>dependencies.failed</c>.</summary>
    public static EventDescriptor DependenciesFailed { get; } =
        new(203, "dependencies.failed", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Dependency installation failed");

    /// <summary><c>agent.starting</c>.</summary>
    public static EventDescriptor AgentStarting { get; } =
        new(300, "agent.starting", TelemetryLevel.Info, "🚀", EventColor.Blue, "Starting agent execution...");

    /// <summary><c>agent.output</c>.</summary>
    public static EventDescriptor AgentOutput { get; } =
        new(301, "agent.output", TelemetryLevel.Info, "", EventColor.White, "Agent output");

    /// <summary><c>agent.completed</c>.</summary>
    public static EventDescriptor AgentCompleted { get; } =
        new(302, "agent.completed", TelemetryLevel.Info, "✅", EventColor.Green, "Agent execution completed");

    /// <summary><c>agent.failed</c>.</summary>
    public static EventDescriptor AgentFailed { get; } =
        new(303, "agent.failed", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Agent execution failed");

    /// <summary><c>process.started</c>.</summary>
    public static EventDescriptor ProcessStarted { get; } =
        new(304, "process.started", TelemetryLevel.Debug, "⚙", EventColor.White, "Agent activity:");

    /// <summary><c>resource.usage</c>.</summary>
    public static EventDescriptor ResourceUsage { get; } =
        new(400, "resource.usage", TelemetryLevel.Info, "📊", EventColor.Cyan, "Resource usage:");

    /// <summary><c>resource.cpu_high</c>.</summary>
    public static EventDescriptor ResourceCpuHigh { get; } =
        new(401, "resource.cpu_high", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "Warning: High CPU usage");

    /// <summary><c>resource.memory_high</c>.</summary>
    public static EventDescriptor ResourceMemoryHigh { get; } =
        new(402, "resource.memory_high", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "Warning: High memory usage");

    /// <summary><c>resource.out_of_memory</c>.</summary>
    public static EventDescriptor ResourceOutOfMemory { get; } =
        new(403, "resource.out_of_memory", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Out of memory");

    /// <summary><c>resource.pids_exhausted</c>.</summary>
    public static EventDescriptor ResourcePidsExhausted { get; } =
        new(404, "resource.pids_exhausted", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Process limit reached");

    /// <summary><c>file.read</c>.</summary>
    public static EventDescriptor FileRead { get; } = new(500, "file.read", TelemetryLevel.Info, "📝", EventColor.White, "Agent activity:");

    /// <summary><c>file.written</c>.</summary>
    public static EventDescriptor FileWritten { get; } =
        new(501, "file.written", TelemetryLevel.Info, "📝", EventColor.White, "Agent activity:");

    /// <summary><c>file.deleted</c>.</summary>
    public static EventDescriptor FileDeleted { get; } =
        new(502, "file.deleted", TelemetryLevel.Info, "📝", EventColor.White, "Agent activity:");

    /// <summary><c>file.renamed</c>.</summary>
    public static EventDescriptor FileRenamed { get; } =
        new(503, "file.renamed", TelemetryLevel.Info, "📝", EventColor.White, "Agent activity:");

    /// <summary><c>network.request</c>.</summary>
    public static EventDescriptor NetworkRequest { get; } =
        new(510, "network.request", TelemetryLevel.Info, "🌐", EventColor.White, "Network request:");

    /// <summary><c>network.blocked</c>.</summary>
    public static EventDescriptor NetworkBlocked { get; } =
        new(511, "network.blocked", TelemetryLevel.Warning, "🌐", EventColor.Yellow, "Network request blocked:");

    /// <summary><c>network.closed</c>.</summary>
    public static EventDescriptor NetworkClosed { get; } =
        new(512, "network.closed", TelemetryLevel.Debug, "🌐", EventColor.White, "Network connection closed:");

    /// <summary><c>model.used</c>.</summary>
    public static EventDescriptor ModelUsed { get; } = new(520, "model.used", TelemetryLevel.Info, "🤖", EventColor.White, "Model used:");

    /// <summary><c>model.limit_exceeded</c>.</summary>
    public static EventDescriptor ModelLimitExceeded { get; } =
        new(521, "model.limit_exceeded", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Model limit exceeded");

    /// <summary><c>violation.filesystem</c>.</summary>
    public static EventDescriptor ViolationFilesystem { get; } =
        new(600, "violation.filesystem", TelemetryLevel.Error, "❌", EventColor.Red, "Policy violation: Filesystem access denied");

    /// <summary><c>violation.network</c>.</summary>
    public static EventDescriptor ViolationNetwork { get; } =
        new(601, "violation.network", TelemetryLevel.Error, "❌", EventColor.Red, "Policy violation: Network connection denied");

    /// <summary><c>violation.process</c>.</summary>
    public static EventDescriptor ViolationProcess { get; } =
        new(602, "violation.process", TelemetryLevel.Error, "❌", EventColor.Red, "Policy violation: System call denied");

    /// <summary><c>violation.output</c>.</summary>
    public static EventDescriptor ViolationOutput { get; } =
        new(603, "violation.output", TelemetryLevel.Error, "❌", EventColor.Red, "Policy violation: Output rejected");

    /// <summary><c>timeout.approaching</c>.</summary>
    public static EventDescriptor TimeoutApproaching { get; } =
        new(700, "timeout.approaching", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "Warning: Timeout approaching");

    /// <summary><c>timeout.exceeded</c>.</summary>
    public static EventDescriptor TimeoutExceeded { get; } =
        new(701, "timeout.exceeded", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Timeout exceeded");

    /// <summary><c>output.collecting</c>.</summary>
    public static EventDescriptor OutputCollecting { get; } =
        new(800, "output.collecting", TelemetryLevel.Info, "📤", EventColor.Blue, "Collecting output artifacts...");

    /// <summary><c>output.collected</c>.</summary>
    public static EventDescriptor OutputCollected { get; } =
        new(801, "output.collected", TelemetryLevel.Info, "📤", EventColor.Blue, "Artifact collected:");

    /// <summary><c>output.limit_approaching</c>.</summary>
    public static EventDescriptor OutputLimitApproaching { get; } =
        new(802, "output.limit_approaching", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "Warning: Output size limit approaching");

    /// <summary><c>output.limit_exceeded</c>.</summary>
    public static EventDescriptor OutputLimitExceeded { get; } =
        new(803, "output.limit_exceeded", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Output size limit exceeded");

    /// <summary><c>workspace.changed</c>.</summary>
    public static EventDescriptor WorkspaceChanged { get; } =
        new(810, "workspace.changed", TelemetryLevel.Info, "✏️", EventColor.Blue, "Workspace change:");

    /// <summary><c>workspace.held_back</c>.</summary>
    public static EventDescriptor WorkspaceHeldBack { get; } =
        new(811, "workspace.held_back", TelemetryLevel.Warning, "✋", EventColor.Yellow, "Workspace change held back:");

    /// <summary><c>workspace.left</c>.</summary>
    public static EventDescriptor WorkspaceLeft { get; } =
        new(812, "workspace.left", TelemetryLevel.Info, "📎", EventColor.Blue, "Left in the agent's copy:");

    /// <summary><c>container.removing</c>.</summary>
    public static EventDescriptor ContainerRemoving { get; } =
        new(900, "container.removing", TelemetryLevel.Info, "🧹", EventColor.Blue, "Cleaning up container...");

    /// <summary><c>session.completed</c>.</summary>
    public static EventDescriptor SessionCompleted { get; } =
        new(901, "session.completed", TelemetryLevel.Info, "✅", EventColor.Green, "Sandbox session complete");

    /// <summary><c>session.failed</c>.</summary>
    public static EventDescriptor SessionFailed { get; } =
        new(902, "session.failed", TelemetryLevel.Error, "❌", EventColor.Red, "Error: Sandbox session failed");

    /// <summary><c>telemetry.suppressed</c>.</summary>
    public static EventDescriptor TelemetrySuppressed { get; } =
        new(903, "telemetry.suppressed", TelemetryLevel.Warning, "⚠️", EventColor.Yellow, "Warning: Telemetry suppressed");

    /// <summary>All of them, in order of id.</summary>
    public static ImmutableArray<EventDescriptor> All { get; } =
    [
        .. typeof(EventCatalog)
            .GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(EventDescriptor))
            .Select(property => (EventDescriptor)property.GetValue(null)!)
            .OrderBy(descriptor => descriptor.Id),
    ];
}
