using IsolatedAgents.Engines;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Execution;

/// <summary>
/// When a sandbox must end: the caller has cancelled, its engine is gone, or it has been silent for longer than it may be. The agent is
/// asked to end first; what does not end then is removed, whatever the reader of the events is doing.
/// </summary>
internal sealed class SandboxDeadline : IAsyncDisposable
{
    /// <summary>How long an agent that is told to end may take.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // Less where somebody waits for it: a build host that cancels a step must find the summary written two seconds later, whatever the
    // agent does meanwhile.
    private static readonly TimeSpan CancelGrace = TimeSpan.FromSeconds(1);

    // Past its own deadline and grace, a supervisor that says nothing is lost.
    private static readonly TimeSpan SupervisorSlack = TimeSpan.FromSeconds(20);

    // Past the grace: with the container's removal less than the five seconds that a build host may grant.
    private static readonly TimeSpan EndSlack = TimeSpan.FromSeconds(1);

    // Then the reader of the events, which may be at a disk that stands still.
    private static readonly TimeSpan ReaderSlack = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HelloDeadline = TimeSpan.FromSeconds(30);

    private readonly ISandboxContainer _container;
    private readonly SandboxLink _link;
    private readonly TimeSpan _agentLimit;
    private readonly CancellationTokenSource _expired = new(HelloDeadline);
    private readonly CancellationTokenSource _abandoned = new();
    private readonly CancellationTokenSource _over = new();
    private readonly CancellationTokenRegistration _cancellation;
    private readonly CancellationTokenRegistration _removal;
    private readonly Task _watching;
    private readonly Lock _lock = new();
    private Task _stopping = Task.CompletedTask;
    private Task<string?>? _removing;
    private bool _isEnding;

    public SandboxDeadline(ISandboxContainer container, SandboxLink link, TimeSpan agentLimit, CancellationToken cancellationToken)
    {
        _container = container;
        _link = link;
        _agentLimit = agentLimit;
        _removal = _expired.Token.Register(Expire);
        _cancellation = cancellationToken.Register(() => End(CancelGrace));
        _watching = WatchEngineAsync();
    }

    /// <summary>Cancelled when nothing more is to be waited for.</summary>
    public CancellationToken Expired => _expired.Token;

    /// <summary>Cancelled a little later, when who still works on what has come is not waited for either.</summary>
    public CancellationToken Abandoned => _abandoned.Token;

    /// <summary>Why the engine counts as lost; null while it does not.</summary>
    public string? EngineLoss { get; private set; }

    /// <summary>
    /// Takes note of what the supervisor has said: while the agent runs it has the agent's time limit, and once that has ended as long as
    /// something still comes.
    /// </summary>
    public void Extend(FrameType type)
    {
        lock (_lock)
        {
            // Once it must end, nothing that it says gives it more time.
            if (_isEnding)
            {
                return;
            }

            if (type == FrameType.Started)
            {
                _expired.CancelAfter(_agentLimit + Grace + SupervisorSlack);
            }
            else if (Frame.IsOfCollection(type))
            {
                _expired.CancelAfter(SupervisorSlack);
            }
        }
    }

    /// <summary>Takes note that a file which the supervisor has handed over is being taken.</summary>
    public void Extend() => Extend(FrameType.OutputDescriptor);

    /// <summary>Removes the container, once. Why it could not; null where it is gone.</summary>
    public Task<string?> RemoveAsync()
    {
        lock (_lock)
        {
            return _removing ??= _container.RemoveAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _cancellation.DisposeAsync().ConfigureAwait(false);
        await _over.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        await _stopping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _removal.DisposeAsync().ConfigureAwait(false);
        _expired.Dispose();
        _abandoned.Dispose();
        _over.Dispose();
    }

    private void Expire()
    {
        _abandoned.CancelAfter(ReaderSlack);
        _ = RemoveAsync();
    }

    private void End(TimeSpan grace)
    {
        lock (_lock)
        {
            if (_isEnding)
            {
                return;
            }

            _isEnding = true;
            _expired.CancelAfter(grace + EndSlack);
            _stopping = _link.StopAsync(grace, _over.Token).WaitAsync(_over.Token);
        }
    }

    private async Task WatchEngineAsync()
    {
        try
        {
            EngineLoss = await _container.WhenLostAsync(_over.Token).ConfigureAwait(false);
            End(Grace);
        }
        catch (OperationCanceledException)
        {
            // The run was over first.
        }
    }
}
