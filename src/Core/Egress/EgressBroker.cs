using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net.Sockets;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Inspection;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress;

/// <summary>Connects an agent to what its policy allows, and to nothing else. One for each run.</summary>
internal sealed class EgressBroker : IAsyncDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly EndpointMatcher _allowed;
    private readonly IEgressSink _sink;
    private readonly EgressOptions _options;
    private readonly EgressTraffic _traffic;
    private readonly UpstreamProxies _proxies;
    private readonly Dialler _dialler;
    private readonly ConnectionLimit _limit;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationToken _stopped;
    private readonly ConcurrentDictionary<EgressConnection, Task> _open = [];
    private readonly Inspector? _inspector;
    private readonly ITimer _sweep;

    /// <exception cref="Diagnostics.ConfigurationException">
    /// IA1003: the host's environment names an upstream proxy that cannot be used; IA2004: what inspection needs is not there.
    /// </exception>
    public EgressBroker(Policy policy, IEgressSink sink, FrozenDictionary<string, string> hostEnvironment, EgressOptions? options = null)
    {
        _sink = sink;
        _options = options ?? new EgressOptions();
        _stopped = _stopping.Token;
        _allowed = EgressAllowlist.Of(policy);
        _traffic = new EgressTraffic(policy.Network.MaxUploadBytes);
        _limit = new ConnectionLimit(policy.Network.MaxConnections);
        _proxies = new UpstreamProxies(hostEnvironment);
        _dialler = new Dialler(
            new HostResolver(_allowed, _options.Resolver, _stopped),
            _proxies,
            new HappyEyeballs(_options.ConnectTimeout, _options.Loop)
        );
        _inspector = Inspector.Create(policy, _dialler, new InspectionParts(sink, _options, _limit));
        _sweep = _options.Time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval);
    }

    /// <summary>Bytes to servers, of all connections so far.</summary>
    public long BytesSent => _traffic.Sent;

    /// <summary>Bytes from servers, of all connections so far.</summary>
    public long BytesReceived => _traffic.Received;

    /// <summary>Passwords of upstream proxies, which must be masked beside the credentials.</summary>
    public IEnumerable<string> Secrets => _proxies.Secrets;

    /// <summary>Certificate of the run's authority in PEM, for the sandbox alone to trust; null where nothing is inspected.</summary>
    public string? AuthorityPem => _inspector?.AuthorityPem;

    /// <summary>
    /// Variables to point at a file of trusted authorities in the sandbox: the image's own, if it has any, and <see cref="AuthorityPem"/>
    /// behind them. Only those that the policy does not set.
    /// </summary>
    public static ImmutableArray<string> AuthorityVariables => RunAuthority.Variables;

    /// <summary>
    /// Serves one connection of the agent to its end, and closes it. Throws nothing but what the sink throws and cancellation. May end in
    /// the thread of <see cref="ReadinessLoop"/>: whoever waits for it leaves that before anything else.
    /// </summary>
    /// <param name="agent">The agent's connection; owned from here on.</param>
    /// <param name="target">What it asked for.</param>
    /// <param name="cancellationToken">Ends the connection with a reset.</param>
    public async Task HandleAsync(DuplexStream agent, EgressTarget target, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopped);
        using EgressConnection connection = new(agent, target, _traffic, _options.Time);
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[connection] = done.Task;
        string? error = null;
        try
        {
            using CancellationTokenRegistration registration = ending.Token.UnsafeRegister(
                static state => ((EgressConnection)state!).Abort(),
                connection
            );
            error = await ServeAsync(connection, ending.Token).ConfigureAwait(false);
        }
        finally
        {
            _open.TryRemove(connection, out _);
            _limit.Leave();
            done.SetResult();
        }

        if (connection.IsAttached || connection.Sent > 0 || error is not null)
        {
            await _sink.ClosedAsync(target, connection.Sent, connection.Received, connection.Duration, error).ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Ends all connections with a reset and waits for them.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_open.Values).ConfigureAwait(false);
        if (_inspector is not null)
        {
            await _inspector.DisposeAsync().ConfigureAwait(false);
        }

        await _sweep.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    /// <summary>Gives what went wrong on the way to the server; null where nothing did.</summary>
    private async Task<string?> ServeAsync(EgressConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            Admit(connection.Target);
            if (_inspector?.Takes(connection.Target) == true)
            {
                // To open TLS is work.
                await ReadinessLoop.LeaveAsync(_options.Loop);
                await _inspector.ServeAsync(connection, cancellationToken).ConfigureAwait(false);
                return connection.AbortReason;
            }

            using DirectRelay relay = new(connection, _dialler, _sink, _options.Credentials?.NewGuard());
            await relay.RunAsync(cancellationToken).ConfigureAwait(false);
            return connection.AbortReason;
        }
        catch (EgressRefusedException refusal)
        {
            // The event goes out before the reset, so that a client that sees the reset finds the event.
            if (!refusal.IsTold)
            {
                await _sink.BlockedAsync(connection.Target, refusal.Message, refusal.Rule).ConfigureAwait(false);
            }

            connection.Abort();
            return null;
        }
        catch (UnreachableException exception)
        {
            connection.Abort();
            return exception.Message;
        }
        catch (Exception exception)
            when (exception is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            connection.Abort();
            return connection.AbortReason ?? (exception is IOException ? exception.Message.TrimEnd('.') : null);
        }
    }

    /// <exception cref="EgressRefusedException">The policy does not allow the target, or too many connections are open.</exception>
    private void Admit(EgressTarget target)
    {
        bool isOneOfFew = _limit.Enter();
        if (!_allowed.IsAllowed(target.Host, target.Port))
        {
            throw new EgressRefusedException(EgressAllowlist.Refused, EgressAllowlist.Key);
        }

        if (!isOneOfFew)
        {
            throw _limit.Refusal("connections");
        }
    }

    private void Sweep()
    {
        foreach (EgressConnection connection in _open.Keys)
        {
            if (connection.HeadAge > _options.HeadTimeout)
            {
                connection.Abort("The request or handshake did not come to its end in time");
            }
            else if (connection.Idle > _options.IdleTimeout)
            {
                connection.Abort("Nothing passed for too long");
            }
        }
    }
}
