using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// The certificate authority of one run. It exists in memory alone, is trusted by nobody but the run's sandbox, and signs for inspected
/// endpoints only.
/// </summary>
internal sealed class RunAuthority : IDisposable
{
    // Longer than the longest run, and begun a little ago for sandboxes whose clock is behind.
    private static readonly TimeSpan Before = TimeSpan.FromHours(1);
    private static readonly TimeSpan After = TimeSpan.FromDays(8);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;
    private readonly DateTimeOffset _now;
    private readonly ConcurrentDictionary<string, SslStreamCertificateContext> _leaves = new(StringComparer.Ordinal);

    public RunAuthority(TimeProvider time)
    {
        _now = time.GetUtcNow();
        CertificateRequest request = new("CN=IsolatedAgents run authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _certificate = request.CreateSelfSigned(_now - Before, _now + After);
        Pem = _certificate.ExportCertificatePem() + "\n";
    }

    /// <summary>
    /// Variables that programs look at for a file of trusted authorities. Most take it in place of the system's, so the file holds the
    /// system's too;
    /// <c>NODE_EXTRA_CA_CERTS</c> adds.
    /// </summary>
    public static ImmutableArray<string> Variables { get; } =
    [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
        "AWS_CA_BUNDLE",
        "CARGO_HTTP_CAINFO",
        "DENO_CERT",
        "NIX_SSL_CERT_FILE",
        "BUNDLE_SSL_CA_CERT",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "HEX_CACERTS_PATH",
    ];

    /// <summary>The authority's certificate, for the sandbox.</summary>
    public string Pem { get; }

    /// <summary>A certificate for one host, made when it is first asked for.</summary>
    /// <param name="host">A name or an address, in its one spelling.</param>
    public SslStreamCertificateContext For(string host) => _leaves.GetOrAdd(host, Sign);

    public void Dispose()
    {
        foreach (SslStreamCertificateContext leaf in _leaves.Values)
        {
            leaf.TargetCertificate.Dispose();
        }

        _certificate.Dispose();
        _leafKey.Dispose();
        _key.Dispose();
    }

    private SslStreamCertificateContext Sign(string host)
    {
        // A common name has 64 characters at most; clients look at the alternative names.
        CertificateRequest request = new($"CN={(host.Length <= 64 ? host : "inspected endpoint")}", _leafKey, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
        using X509Certificate2 signed = request.Create(_certificate, _now - Before, _now + After, RandomNumberGenerator.GetBytes(16));
        X509Certificate2 leaf = signed.CopyWithPrivateKey(_leafKey);
        if (OperatingSystem.IsWindows())
        {
            // SChannel takes no keys that were never imported.
            using X509Certificate2 made = leaf;
            leaf = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
        }

        return SslStreamCertificateContext.Create(leaf, [_certificate], offline: true);
    }
}
