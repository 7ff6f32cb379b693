using System.Security.Cryptography;

namespace IsolatedAgents.Audit;

/// <summary>
/// How entries are chained: each line is a JSON object that ends in the hash of the entry before and in its own, which covers every byte of
/// the line before it.
/// </summary>
internal static class AuditChain
{
    /// <summary>Characters of a hash in hex.</summary>
    public const int HashLength = SHA256.HashSizeInBytes * 2;

    /// <summary>Bytes of <c>,"audit.prev":"…","audit.hash":"…"}</c>.</summary>
    public static int SuffixLength => PreviousName.Length + HashLength + HashName.Length + HashLength + End.Length;

    /// <summary>The text before the hash of the previous entry.</summary>
    public static ReadOnlySpan<byte> PreviousName => ",\"audit.prev\":\""u8;

    /// <summary>The text before the entry's own hash.</summary>
    public static ReadOnlySpan<byte> HashName => "\",\"audit.hash\":\""u8;

    /// <summary>The text that ends an entry.</summary>
    public static ReadOnlySpan<byte> End => "\"}"u8;

    /// <summary>The hash that the first entry of a file names as the previous one.</summary>
    public static ReadOnlySpan<byte> Genesis => "0000000000000000000000000000000000000000000000000000000000000000"u8;

    /// <summary>The hash of an entry, given its line up to the closing quote of the hash before it.</summary>
    /// <param name="algorithm">
    /// SHA-256, nothing appended: used again, it takes three quarters of the time of one that is made for each entry.
    /// </param>
    /// <param name="covered">The bytes.</param>
    /// <param name="hexadecimal">Takes the hash, <see cref="HashLength"/> characters. May lie within <paramref name="covered"/>.</param>
    public static void Hash(IncrementalHash algorithm, ReadOnlySpan<byte> covered, Span<byte> hexadecimal)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        algorithm.AppendData(covered);
        algorithm.GetHashAndReset(hash);
        Convert.TryToHexStringLower(hash, hexadecimal, out _);
    }
}
