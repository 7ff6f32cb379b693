using IsolatedAgents.Policies;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Execution;

/// <summary>Has the agent ended for what it did, once, where the policy says so.</summary>
internal sealed class AgentStop(Policy policy)
{
    private SandboxLink? _link;
    private int _isRequested;

    /// <summary>From here on there is an agent to end.</summary>
    public void Attach(SandboxLink link) => _link = link;

    /// <summary>The agent has tried something that the policy does not expect.</summary>
    public Task ForViolationAsync() =>
        policy.OnViolation == ViolationAction.Stop && policy.FailOn.HasFlag(FailureConditions.Violation)
            ? RequestAsync()
            : Task.CompletedTask;

    /// <summary>The agent has used more of something than it may, and would go on.</summary>
    public Task RequestAsync() =>
        _link is { } link && Interlocked.Exchange(ref _isRequested, 1) == 0
            ? link.StopAsync(SandboxDeadline.Grace, CancellationToken.None)
            : Task.CompletedTask;
}
