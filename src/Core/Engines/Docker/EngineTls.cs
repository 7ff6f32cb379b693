using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Docker.DotNet;
using IsolatedAgents.Diagnostics;
using Microsoft.Net.Http.Client;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// Mutual TLS with an engine, from the three files that docker's own client takes: <c>ca.pem</c>, <c>cert.pem</c> and <c>key.pem</c>. The
/// engine is believed if that authority alone has signed its certificate for the name it was reached by; the machine's own authorities do
/// not count.
/// </summary>
internal sealed class EngineTls : Credentials
{
    // Left to the runtime to release: the client uses them for every connection, long after its configuration, which owns this, is gone.
    private readonly X509Certificate2Collection _authorities;
    private readonly X509Certificate2 _own;

    private EngineTls(X509Certificate2Collection authorities, X509Certificate2 own)
    {
        _authorities = authorities;
        _own = own;
    }

    /// <summary>Reads the files of a folder.</summary>
    /// <exception cref="EngineException">IA2001: one of them is missing or is not what it must be.</exception>
    public static EngineTls Load(string folder)
    {
        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(Path.Combine(folder, "ca.pem"));
            return new EngineTls(
                authorities,
                X509Certificate2.CreateFromPemFile(Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"))
            );
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new EngineException(
                DiagnosticTable.NoEngine,
                $"The certificates for the engine cannot be used: {failure.Message} Put ca.pem, cert.pem and key.pem into '{folder}', or name another folder by DOCKER_CERT_PATH.",
                failure
            );
        }
    }

    public override bool IsTlsCredentials() => true;

    public override HttpMessageHandler GetHandler(HttpMessageHandler innerHandler)
    {
        // The client makes no other one for an address of this kind.
        ManagedHandler handler = (ManagedHandler)innerHandler;
        handler.ClientCertificates = [_own];
        handler.ServerCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors);
        return handler;
    }

    private bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors)
    {
        if (
            certificate is not X509Certificate2 presented
            || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None
        )
        {
            return false;
        }

        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        // The authority is a private one, which answers for no list.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(presented);
    }
}
