using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Egress.Inspection.Upstream;
using IsolatedAgents.Egress.Models;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Requests;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace IsolatedAgents.Egress.Inspection.Requests;

/// <summary>Judges each request of an inspected connection, passes it on, and passes the answer back.</summary>
internal sealed class InspectedRequests(UpstreamClient client, InspectionParts parts, ModelTokens tokens)
    : IHttpApplication<IFeatureCollection>,
        IDisposable
{
    private readonly IEgressSink _sink = parts.Sink;
    private readonly EgressCredentials? _credentials = parts.Options.Credentials;

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public void DisposeContext(IFeatureCollection context, Exception? exception) { }

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        InspectedConnection connection = context.GetRequiredFeature<InspectedConnection>();
        EgressTarget target = connection.Connection.Target;
        using OpenExchanges.Exchange exchange = connection.Exchanges.Begin();
        bool isCounted = exchange.IsBesideAnother;
        try
        {
            if (isCounted && !parts.Limit.Enter())
            {
                throw parts.Limit.Refusal("connections and requests");
            }

            await ForwardAsync(context, connection, target, exchange).ConfigureAwait(false);
        }
        catch (EgressRefusedException refusal)
        {
            if (!refusal.IsTold)
            {
                await _sink.BlockedAsync(target, refusal.Message, refusal.Rule).ConfigureAwait(false);
            }

            await AnswerAsync(context, 403, HttpAnswer.Body("blocked by policy", target, refusal.Message, refusal.Rule))
                .ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception
                    is HttpRequestException
                        or IOException
                        or SocketException
                        or OperationCanceledException
                        or UnreachableException
                        or AuthenticationException
            )
        {
            string reason = Reason(exception);
            connection.Connection.NoteBroken($"{reason} ({Name(context.GetRequiredFeature<IHttpRequestFeature>())})");
            await AnswerAsync(context, 502, HttpAnswer.Body("not reachable", target, reason, null)).ConfigureAwait(false);
        }
        finally
        {
            if (isCounted)
            {
                parts.Limit.Leave();
            }
        }
    }

    public void Dispose() => client.Dispose();

    private async Task ForwardAsync(
        IFeatureCollection context,
        InspectedConnection connection,
        EgressTarget target,
        OpenExchanges.Exchange exchange
    )
    {
        IHttpRequestFeature request = context.GetRequiredFeature<IHttpRequestFeature>();
        CancellationToken cancellationToken = context.Get<IHttpRequestLifetimeFeature>()?.RequestAborted ?? CancellationToken.None;
        string uri = InspectedRequestRules.Target(request, connection.Authority);
        string path = uri[..(uri.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? query : uri.Length)];
        InspectedRequestRules.RequireAllowed(context, request, connection, path, uri);
        InspectedRequestRules.RequireNoEcho(request.Method, path, connection, _credentials);
        if (tokens.IsLimited)
        {
            ModelRequestRules.Require(request.Method, path, request.Headers, connection.Allowance);
        }

        UsageScanner? usage = ModelRoute.Find(request.Method, path) is { } route ? new UsageScanner(target, route, path) : null;
        if (usage is not null && tokens.Refusal() is { } refusal)
        {
            throw refusal;
        }

        bool isWebSocket = InspectedRequestRules.IsWebSocket(context, request);
        using RequestChecks checks = new(_credentials?.NewGuard(), usage, tokens, refusal =>
            _sink.BlockedAsync(target, refusal.Message, refusal.Rule)
        );
        using HttpRequestMessage message = Message(context, connection, uri, checks, exchange);
        await PrepareAsync(message, checks, cancellationToken).ConfigureAwait(false);
        if (isWebSocket)
        {
            HeaderTransfer.AskForWebSocket(message);
            (message.Version, message.VersionPolicy) = (HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact);
        }

        try
        {
            await ExchangeAsync(context, message, checks, exchange, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Also of an answer that was broken off: what was used up to there was used.
            await SettleAsync(usage, exchange.IsSent, isWhole: false).ConfigureAwait(false);
        }
    }

    private async Task ExchangeAsync(
        IFeatureCollection context,
        HttpRequestMessage message,
        RequestChecks checks,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        IHttpRequestFeature request = context.GetRequiredFeature<IHttpRequestFeature>();
        EgressTarget target = context.GetRequiredFeature<InspectedConnection>().Connection.Target;
        bool isWebSocket = InspectedRequestRules.IsWebSocket(context, request);
        using HttpResponseMessage answer = await SendAsync(message, target, checks, exchange, cancellationToken).ConfigureAwait(false);
        if (answer.StatusCode == HttpStatusCode.SwitchingProtocols && !(isWebSocket && HeaderTransfer.IsWebSocket(answer)))
        {
            throw new IOException("it switched to a protocol that was not asked for");
        }

        await TellAsync(message, target, (int)answer.StatusCode).ConfigureAwait(false);
        AnswerGuard? guard = AnswerGuard.For(_credentials, target, message, _sink);
        if (answer.StatusCode == HttpStatusCode.SwitchingProtocols)
        {
            await CarryWebSocketAsync(context, guard, answer, exchange, cancellationToken).ConfigureAwait(false);
            return;
        }

        AnswerTransfer transfer = new(context, guard, checks.Usage);
        await transfer
            .RunAsync(answer, () => SettleAsync(checks.Usage, isSent: true, isWhole: true), cancellationToken)
            .ConfigureAwait(false);
    }

    private ValueTask TellAsync(HttpRequestMessage message, EgressTarget target, int? status) =>
        _sink.AllowedAsync(
            new EgressRequest(target, EgressRequest.Http)
            {
                Method = message.Method.Method,
                Path = InspectedRequestRules.Path(message.RequestUri!),
                Status = status,
                IsInspected = true,
            }
        );

    private ValueTask SettleAsync(UsageScanner? usage, bool isSent, bool isWhole) =>
        usage?.TrySettle() == true && isSent ? tokens.AddAsync(usage, isWhole, _sink) : ValueTask.CompletedTask;

    private static async ValueTask PrepareAsync(HttpRequestMessage message, RequestChecks checks, CancellationToken cancellationToken)
    {
        if (message.Content is RequestBody body)
        {
            await body.PrepareAsync(cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await checks.ReserveAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private HttpRequestMessage Message(
        IFeatureCollection context,
        InspectedConnection connection,
        string uri,
        RequestChecks checks,
        OpenExchanges.Exchange exchange
    )
    {
        EgressTarget target = connection.Connection.Target;
        IHttpRequestFeature request = context.GetRequiredFeature<IHttpRequestFeature>();
        HttpRequestMessage message = new(HttpMethod.Parse(request.Method), connection.Authority.Address(uri))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        if (context.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true && !InspectedRequestRules.IsWebSocket(context, request))
        {
            exchange.BeginSending();
            IHttpRequestTrailersFeature? trailers = context.Get<IHttpRequestTrailersFeature>();

            // In HTTP/2 what has a length may have trailers too; in HTTP/1.1 only what comes in chunks.
            long? length = request.Protocol == "HTTP/2" && request.Headers.Trailer.Count > 0 ? null : request.Headers.ContentLength;
            message.Content = new RequestBody(request.Body, length, checks, exchange)
            {
                Trailers = () => trailers?.Available == true ? trailers.Trailers : null,
            };
        }

        HeaderTransfer.ToServer(request.Headers, message);
        message.Headers.Host = connection.Authority.OfHeader;
        IReadOnlyList<CredentialHeader> set = _credentials?.For(target) ?? [];
        if (checks.Usage is not null || set.Count > 0)
        {
            // What is compressed can neither be counted nor searched, and what comes in parts not searched as a whole.
            message.Headers.Remove("Accept-Encoding");
            message.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
            message.Headers.Remove("Range");
        }

        foreach (CredentialHeader credential in set)
        {
            message.Headers.Remove(credential.Header);
            message.Headers.TryAddWithoutValidation(credential.Header, credential.Value);
        }

        InspectedRequestRules.RequireNoPlaceholder(request, uri, _credentials, target);
        return message;
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage message,
        EgressTarget target,
        RequestChecks checks,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await client.SendAsync(target, message, exchange, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when ((checks.Refusal ?? Find<EgressRefusedException>(exception)) is { } refusal)
        {
            throw new EgressRefusedException(refusal.Message, refusal.Rule) { IsTold = refusal.IsTold };
        }
        catch when (exchange.IsSent)
        {
            // It has gone to the server, and nobody will hear what that did with it.
            await TellAsync(message, target, null).ConfigureAwait(false);
            throw;
        }
    }

    private async Task CarryWebSocketAsync(
        IFeatureCollection context,
        AnswerGuard? guard,
        HttpResponseMessage answer,
        OpenExchanges.Exchange exchange,
        CancellationToken cancellationToken
    )
    {
        EgressTarget target = context.GetRequiredFeature<InspectedConnection>().Connection.Target;
        IHeaderDictionary headers = context.GetRequiredFeature<IHttpResponseFeature>().Headers;
        if (guard is null)
        {
            HeaderTransfer.ToAgent(answer, headers);
        }
        else
        {
            await HeaderTransfer.ToAgentAsync(answer, headers, guard).ConfigureAwait(false);
        }

        headers.Upgrade = "websocket";
        Stream server = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        Stream agent = await context.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync().ConfigureAwait(false);
        exchange.BeginSending();
        try
        {
            await WebSocketRelay
                .RunAsync(agent, server, (_credentials?.NewGuard(), guard), exchange, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (EgressRefusedException refusal)
        {
            // The agent has been told in the WebSocket's own way; a reset would take that back.
            await _sink.BlockedAsync(target, refusal.Message, refusal.Rule).ConfigureAwait(false);
        }
    }

    private static async Task AnswerAsync(IFeatureCollection context, int status, byte[] content)
    {
        IHttpResponseFeature response = context.GetRequiredFeature<IHttpResponseFeature>();
        if (response.HasStarted)
        {
            context.Get<IHttpRequestLifetimeFeature>()?.Abort();
            return;
        }

        response.StatusCode = status;
        response.Headers.Clear();
        response.Headers.ContentType = "application/json";
        response.Headers.ContentLength = content.Length;
        if (context.GetRequiredFeature<IHttpRequestFeature>().Protocol != "HTTP/2")
        {
            response.Headers.Connection = "close";
        }

        IHttpResponseBodyFeature body = context.GetRequiredFeature<IHttpResponseBodyFeature>();
        await body.Stream.WriteAsync(content).ConfigureAwait(false);
        await body.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>Method and path of a request, which may have been refused before they were looked at.</summary>
    private static string Name(IHttpRequestFeature request) =>
        $"'{request.Method} {RequestAllowance.Short(request.RawTarget.Split('?')[0])}'";

    private static string Reason(Exception exception) =>
        Find<UnreachableException>(exception)?.Message
        ?? (
            Find<AuthenticationException>(exception) is { } tls ? $"The server's identity could not be verified: {tls.Message.TrimEnd('.')}"
            : exception is OperationCanceledException ? "The exchange was broken off"
            : $"The exchange with the server failed: {exception.Message.TrimEnd('.')}"
        );

    private static T? Find<T>(Exception exception)
        where T : Exception
    {
        for (Exception? at = exception; at is not null; at = at.InnerException)
        {
            if (at is T found)
            {
                return found;
            }
        }

        return null;
    }
}
