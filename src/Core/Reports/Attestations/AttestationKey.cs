using System.Security.Cryptography;

namespace IsolatedAgents.Reports.Attestations;

/// <summary>An ECDSA key on P-256, from a PEM file. Signatures are SHA-256 in DER, as the tools around in-toto take them.</summary>
internal sealed class AttestationKey : IDisposable
{
    private const string PrivateLabel = "PRIVATE KEY-----";
    private const int KeySize = 256;

    private readonly ECDsa _key;

    private AttestationKey(ECDsa key) => _key = key;

    /// <summary>SHA-256 of the public key, in hex.</summary>
    public string Id => Convert.ToHexStringLower(SHA256.HashData(_key.ExportSubjectPublicKeyInfo()));

    /// <summary>Reads a key.</summary>
    /// <param name="path">The file.</param>
    /// <param name="toSign">Whether it must be the private one.</param>
    /// <exception cref="FormatException">It is not such a key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static AttestationKey Load(string path, bool toSign)
    {
        string pem = File.ReadAllText(path);
        ECDsa key = ECDsa.Create();
        try
        {
            if (toSign && !pem.Contains(PrivateLabel, StringComparison.Ordinal))
            {
                throw new FormatException("it holds no private key");
            }

            key.ImportFromPem(pem);
            return key.KeySize == KeySize ? new AttestationKey(key) : throw new FormatException($"its key has {key.KeySize} bits");
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new FormatException($"it is not one: {failure.Message}", failure);
        }
        catch (FormatException)
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Signs bytes.</summary>
    public byte[] Sign(byte[] data) => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>Whether this key's owner signed these bytes.</summary>
    public bool Verify(byte[] data, ReadOnlySpan<byte> signature) =>
        _key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public void Dispose() => _key.Dispose();
}
