using System.Security.Cryptography;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Outputs;

/// <summary>What has come of a file.</summary>
/// <param name="Path">Absolute host path of its content.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower-case hex.</param>
internal sealed record ReceivedFile(string Path, long Size, string Sha256);

/// <summary>
/// The file that comes over the stream at the moment. The supervisor has held its size against the bounds; here that is done again, and its bytes are kept and hashed, or passed over.
/// </summary>
internal sealed class IncomingFile(long maxBytes) : IDisposable
{
    private IncrementalHash? _hash;
    private FileStream? _file;
    private long _left;
    private long _total;

    /// <summary>Whether bytes of it are still to come.</summary>
    public bool IsIncomplete => _left > 0;

    /// <summary>Begins one, whose bytes are passed over unless <see cref="Keep"/> follows.</summary>
    /// <exception cref="ProtocolException">It is over the bound, or the one before it is not complete.</exception>
    public void Begin(long size)
    {
        if (IsIncomplete || size > maxBytes - _total)
        {
            throw new ProtocolException("A file does not keep to the bounds.");
        }

        _total += size;
        _left = size;
    }

    /// <summary>Says where its bytes go.</summary>
    public void Keep(FileStream file)
    {
        _file = file;
        _hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    }

    /// <summary>Takes bytes of it.</summary>
    /// <exception cref="ProtocolException">They are more than it has.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _left)
        {
            throw new ProtocolException("More bytes came than a file has.");
        }

        _left -= bytes.Length;
        if (_file is not null)
        {
            _file.Write(bytes);
            _hash!.AppendData(bytes);
        }
    }

    /// <summary>Closes it once all of it is there. Null where it was passed over, or is not complete.</summary>
    public ReceivedFile? Complete()
    {
        if (IsIncomplete || _file is null)
        {
            return null;
        }

        ReceivedFile received = new(_file.Name, _file.Length, Convert.ToHexStringLower(_hash!.GetHashAndReset()));
        _file.Dispose();
        _file = null;
        return received;
    }

    public void Dispose()
    {
        _file?.Dispose();
        _hash?.Dispose();
    }
}
