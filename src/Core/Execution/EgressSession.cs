using IsolatedAgents.Egress;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Events;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Execution.Translation;
using IsolatedAgents.Execution.UpToDate;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Sandbox.Connections;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Execution;

/// <summary>The agent's way out, from the sandbox's connections to the broker, and what the broker finds as events.</summary>
internal sealed class EgressSession : IEgressSink, IAsyncDisposable
{
    // An agent that has ended may have said its last on the way: so long it may take to reach the server.
    private static readonly TimeSpan LastBytes = TimeSpan.FromSeconds(2);

    private readonly RunEvents _events;
    private readonly RepeatFolder<(string Host, int Port, string? Method, string? Path, string Protocol, int? Status)> _requests;
    private readonly RepeatFolder<NetworkRefusal> _refusals;
    private readonly AgentStop _stop;
    private readonly ReadinessLoop? _loop;
    private readonly EgressBroker _broker;
    private readonly CancellationTokenSource _over = new();
    private Task _serving = Task.CompletedTask;

    /// <exception cref="Diagnostics.ConfigurationException">What the policy asks for cannot be had on this machine.</exception>
    public EgressSession(ResolvedRun run, RunEvents events, NetworkReporter reporter, AgentStop stop, ReadinessLoop? loop)
    {
        _events = events;
        _requests = new(
            async (request, count) =>
                await events
                    .RaiseAsync(
                        new NetworkRequest(request.Host, request.Port, request.Method, "Allowed", count)
                        {
                            Protocol = request.Protocol,
                            Path = request.Path,
                            ResponseCode = request.Status,
                        }
                    )
                    .ConfigureAwait(false)
        );
        _refusals = new((refusal, count) => reporter.DenyAsync(refusal with { Count = count }));
        _stop = stop;
        _loop = loop;
        _broker = new EgressBroker(run.Policy, this, run.HostEnvironment, (run.Egress ?? new EgressOptions()) with { Loop = loop });
    }

    /// <summary>Bytes to servers so far.</summary>
    public long BytesSent => _broker.BytesSent;

    /// <summary>Bytes from servers so far.</summary>
    public long BytesReceived => _broker.BytesReceived;

    /// <summary>The authority that the agent is to trust, in PEM; empty where nothing is inspected.</summary>
    public string TrustedCertificates => _broker.AuthorityPem ?? "";

    /// <summary>Serves what comes from the sandbox from now on.</summary>
    public void Serve(SandboxLink link) => _serving = ServeAsync(link);

    public ValueTask AllowedAsync(EgressRequest request) =>
        _requests.TakeAsync(
            (request.Target.Host, request.Target.Port, request.Method, request.Path, request.Protocol, request.Status),
            _over.Token
        );

    public ValueTask BlockedAsync(EgressTarget target, string reason, string rule) =>
        _refusals.TakeAsync(new NetworkRefusal(target.Host, target.Port, reason, rule), _over.Token);

    public ValueTask ClosedAsync(EgressTarget target, long sent, long received, TimeSpan duration, string? error) =>
        _events.RaiseAsync(
            new NetworkClosed(target.Host, target.Port, sent, received, duration)
            {
                Error = error,
                IsProxyFailure = error?.StartsWith(UpstreamProxy.FailureStart, StringComparison.Ordinal) == true,
            }
        );

    public ValueTask ModelUsedAsync(ModelUsage usage) =>
        _events.RaiseAsync(
            new ModelUsed(
                usage.Target.Host,
                usage.Target.Port,
                usage.OperationName,
                usage.ProviderName,
                usage.RequestModel,
                usage.ResponseModel,
                usage.InputTokens,
                usage.OutputTokens
            )
        );

    public async ValueTask ModelLimitExceededAsync(long used, long limit)
    {
        await _events.RaiseAsync(new ModelLimitExceeded(used, limit, "Agent terminated")).ConfigureAwait(false);
        await _stop.RequestAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for the last bytes of an agent that has ended, for a while.</summary>
    public async Task WhenServedAsync() => await _serving.WaitAsync(LastBytes).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Ends every connection. To be called once the link is closed, so that no new ones come. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_over.IsCancellationRequested)
        {
            return;
        }

        await _over.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(false);
        await _broker.DisposeAsync().ConfigureAwait(false);
        await _requests.CompleteAsync().ConfigureAwait(false);
        await _refusals.CompleteAsync().ConfigureAwait(false);
        _over.Dispose();
    }

    private async Task ServeAsync(SandboxLink link)
    {
        HashSet<Task> open = [];
        await foreach (AgentConnection connection in link.Connections.ReadAllAsync().ConfigureAwait(false))
        {
            Task serving = ServeAsync(connection);
            if (!serving.IsCompleted)
            {
                lock (open)
                {
                    open.Add(serving);
                }

                _ = serving.ContinueWith(
                    ended =>
                    {
                        lock (open)
                        {
                            open.Remove(ended);
                        }
                    },
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default
                );
            }
        }

        Task[] last;
        lock (open)
        {
            last = [.. open];
        }

        await Task.WhenAll(last).ConfigureAwait(false);
        await ReadinessLoop.LeaveAsync(_loop);
    }

    private async Task ServeAsync(AgentConnection connection)
    {
        try
        {
            await _broker.HandleAsync(connection.Stream, connection.Target, _over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            connection.Stream.Abort();
        }
    }
}
