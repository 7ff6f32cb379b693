using System.Security.Cryptography;
using IsolatedAgents.Protocol;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Outputs;

/// <summary>What has come of a file.</summary>
/// <param name="Path">Absolute host path of its content.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower-case hex.</param>
internal sealed record ReceivedFile(string Path, long Size, string Sha256);

/// <summary>
/// The file that comes over the stream at the moment. The supervisor has held its size against the bounds; here that is done again, and its bytes are kept and hashed, or passed over.
/// What is longer than a batch is hashed on another processor while the next batch comes.
/// </summary>
internal sealed class IncomingFile(long maxBytes) : IDisposable
{
    private const int BatchLength = 1024 * 1024;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<ReadOnlyMemory<byte>> _batch = [];
    private SafeFileHandle? _file;
    private string _path = "";
    private Task _hashing = Task.CompletedTask;
    private int _batched;
    private long _written;
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

    /// <summary>Makes the file that its bytes go to, in a folder that nobody else knows, so that nobody is locked out.</summary>
    /// <exception cref="IOException">There is one, or it cannot be made.</exception>
    public void Keep(string path, bool isExecutable = false)
    {
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        _path = path;
        _written = 0;
        if (isExecutable && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_file, File.GetUnixFileMode(_file) | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Takes bytes of it, which must not change from here on.</summary>
    /// <exception cref="ProtocolException">They are more than it has.</exception>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > _left)
        {
            throw new ProtocolException("More bytes came than a file has.");
        }

        _left -= bytes.Length;
        if (_file is null)
        {
            return ValueTask.CompletedTask;
        }

        _batch.Add(bytes);
        _batched += bytes.Length;
        return _batched < BatchLength ? ValueTask.CompletedTask : WriteBatchAsync(_file, isLast: false);
    }

    /// <summary>Closes it once all of it is there. Null where it was passed over, or is not complete.</summary>
    public async ValueTask<ReceivedFile?> CompleteAsync()
    {
        if (IsIncomplete || _file is null)
        {
            return null;
        }

        await WriteBatchAsync(_file, isLast: true).ConfigureAwait(false);
        _file.Dispose();
        _file = null;
        return new ReceivedFile(_path, _written, Convert.ToHexStringLower(_hash.GetHashAndReset()));
    }

    public void Dispose()
    {
        _file?.Dispose();
        // It never fails, and has at most a batch left.
        _hashing.Wait();
        _hash.Dispose();
    }

    private async ValueTask WriteBatchAsync(SafeFileHandle file, bool isLast)
    {
        ReadOnlyMemory<byte>[] batch = [.. _batch];
        int length = _batched;
        _batch.Clear();
        _batched = 0;
        await _hashing.ConfigureAwait(false);
        _hashing = isLast ? Task.CompletedTask : Task.Run(() => Hash(batch));
        RandomAccess.Write(file, batch, _written);
        _written += length;
        if (isLast)
        {
            Hash(batch);
        }
    }

    private void Hash(ReadOnlyMemory<byte>[] batch)
    {
        foreach (ReadOnlyMemory<byte> bytes in batch)
        {
            _hash.AppendData(bytes.Span);
        }
    }
}
