using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IsolatedAgents.Sandbox.Tests.Egress;

/// <summary>A server's certificate, and the authority that signed it, made for one test.</summary>
internal sealed class ServerCertificate : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ServerCertificate(string host)
    {
        using ECDsa authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=test authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using X509Certificate2 authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        Authority = X509CertificateLoader.LoadCertificate(authority.RawData);
        CertificateRequest leaf = new($"CN={host}", _key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(host);
        }

        leaf.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = leaf.Create(
            authority,
            DateTimeOffset.UtcNow.AddHours(-1),
            DateTimeOffset.UtcNow.AddDays(1),
            [1, 2, 3, 4]
        );
        Certificate = certificate.CopyWithPrivateKey(_key);
    }

    /// <summary>Whom a client has to trust.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>The server's, with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Certificate and authority, as servers take them.</summary>
    public string ChainPem => Certificate.ExportCertificatePem() + "\n" + Authority.ExportCertificatePem();

    public string KeyPem => _key.ExportPkcs8PrivateKeyPem();

    public void Dispose()
    {
        Certificate.Dispose();
        Authority.Dispose();
        _key.Dispose();
    }
}
