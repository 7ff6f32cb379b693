using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Outputs;

/// <summary>
/// Writes the files that come over the stream to a staging folder, one after the other. What is longer than a batch is hashed on another processor while the next batch comes.
/// </summary>
internal sealed class StagedFile : IDisposable
{
    private const int BatchLength = 1024 * 1024;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<ReadOnlyMemory<byte>> _batch = [];
    private SafeFileHandle? _file;
    private Task _hashing = Task.CompletedTask;
    private long _written;
    private int _batched;

    /// <summary>Makes a file. Nobody else knows the folder, so nobody is locked out.</summary>
    /// <exception cref="IOException">It exists, or cannot be made.</exception>
    public void Begin(string path)
    {
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        _written = 0;
    }

    /// <summary>Takes bytes, which must not change from here on.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        _batch.Add(bytes);
        _batched += bytes.Length;
        return _batched < BatchLength ? ValueTask.CompletedTask : WriteBatchAsync(isLast: false);
    }

    /// <summary>Ends the file, and gives its SHA-256 in hex.</summary>
    public async ValueTask<string> EndAsync(bool isExecutable)
    {
        await WriteBatchAsync(isLast: true).ConfigureAwait(false);
        if (isExecutable && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_file!, File.GetUnixFileMode(_file!) | UnixFileMode.UserExecute);
        }

        _file!.Dispose();
        _file = null;
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _file?.Dispose();
        // It never fails, and has at most a batch left.
        _hashing.Wait();
        _hash.Dispose();
    }

    private async ValueTask WriteBatchAsync(bool isLast)
    {
        ReadOnlyMemory<byte>[] batch = [.. _batch];
        int length = _batched;
        _batch.Clear();
        _batched = 0;
        await _hashing.ConfigureAwait(false);
        _hashing = isLast ? Task.CompletedTask : Task.Run(() => Hash(batch));
        RandomAccess.Write(_file!, batch, _written);
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
