using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Egress.Relaying;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>A connection whose TLS was opened, as the HTTP server takes it.</summary>
internal sealed class InspectedConnection
    : DefaultConnectionContext,
        ITlsConnectionFeature,
        ITlsApplicationProtocolFeature,
        ITlsHandshakeFeature
{
    private readonly SslStream _tls;

    // Not disposed, as it has nothing to free: the base's own is cancelled on another thread when it may be disposed already.
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public InspectedConnection(EgressConnection connection, SslStream tls, RequestAllowance allowance)
        : base(Guid.NewGuid().ToString("N"))
    {
        _tls = tls;
        Connection = connection;
        Authority = new TargetAuthority(connection.Target);
        Allowance = allowance;
        Transport = new TlsPipe(tls);
        ConnectionClosed = _closed.Token;
        Features.Set<ITlsConnectionFeature>(this);
        Features.Set<ITlsApplicationProtocolFeature>(this);
        Features.Set<ITlsHandshakeFeature>(this);
        Features.Set(this);
    }

    public EgressConnection Connection { get; }

    public TargetAuthority Authority { get; }

    public RequestAllowance Allowance { get; }

    public OpenExchanges Exchanges { get; } = new();

    /// <summary>Completes when what the HTTP server refused last was told.</summary>
    public Task Telling { get; set; } = Task.CompletedTask;

    /// <summary>When the server is done with it.</summary>
    public Task Ended => _ended.Task;

    public X509Certificate2? ClientCertificate { get; set; }

    public ReadOnlyMemory<byte> ApplicationProtocol => _tls.NegotiatedApplicationProtocol.Protocol;

    public SslProtocols Protocol => _tls.SslProtocol;

    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) =>
        Task.FromResult<X509Certificate2?>(null);

#pragma warning disable SYSLIB0058 // The interface asks for what is obsolete; nobody reads it.
    public CipherAlgorithmType CipherAlgorithm => CipherAlgorithmType.None;

    public int CipherStrength => 0;

    public HashAlgorithmType HashAlgorithm => HashAlgorithmType.None;

    public int HashStrength => 0;

    public ExchangeAlgorithmType KeyExchangeAlgorithm => ExchangeAlgorithmType.None;

    public int KeyExchangeStrength => 0;
#pragma warning restore SYSLIB0058

    public override void Abort(ConnectionAbortedException abortReason)
    {
        Connection.Abort();
        Close();
    }

    /// <summary>The agent's end is gone: requests that are on their way end too.</summary>
    public void Close() => _ = _closed.CancelAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        _ended.TrySetResult();
    }

    private sealed class TlsPipe(SslStream tls) : IDuplexPipe
    {
        // Agents keep hundreds of HTTP/2 connections open: one on which nothing comes holds no buffer.
        // In HTTP/1.1 the extra read costs each request time.
        public PipeReader Input { get; } =
            PipeReader.Create(
                tls,
                new StreamPipeReaderOptions(
                    leaveOpen: true,
                    bufferSize: 16 * 1024,
                    minimumReadSize: 4 * 1024,
                    useZeroByteReads: tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2
                )
            );

        public PipeWriter Output { get; } =
            PipeWriter.Create(tls, new StreamPipeWriterOptions(leaveOpen: true, minimumBufferSize: 16 * 1024));
    }
}
