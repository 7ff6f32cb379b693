using System.Security.Cryptography;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Protocol;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Outputs;

/// <summary>A file that has been received.</summary>
/// <param name="Path">Absolute host path of its content.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower-case hex.</param>
internal sealed record ReceivedFile(string Path, long Size, string Sha256);

/// <summary>
/// The file that comes over the stream at the moment. The supervisor has held its size against the bounds; here that is done again, and its
/// bytes are kept and hashed, or passed over.
/// </summary>
internal sealed class IncomingFile(long maxBytes) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private SafeFileHandle? _file;
    private string _path = "";
    private byte[]? _sha256;
    private long _size;
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
        _size = size;
        _left = size;
    }

    /// <summary>Makes the file that its bytes go to, in a folder that nobody else knows, so that nobody is locked out.</summary>
    /// <exception cref="IOException">There is one, or it cannot be made.</exception>
    public void Keep(string path, bool isExecutable = false)
    {
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        _path = path;
        _sha256 = null;
        if (isExecutable && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_file, File.GetUnixFileMode(_file) | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Takes bytes of it.</summary>
    /// <exception cref="ProtocolException">They are more than it has.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _left)
        {
            throw new ProtocolException("More bytes came than a file has.");
        }

        if (_file is not null)
        {
            RandomAccess.Write(_file, bytes, _size - _left);
            _hash.AppendData(bytes);
        }

        _left -= bytes.Length;
    }

    /// <summary>Takes the whole of it from where it lies.</summary>
    /// <exception cref="ProtocolException">It is not the file that was announced.</exception>
    public async ValueTask CopyAsync(SafeFileHandle descriptor, Action progressed, CancellationToken cancellationToken)
    {
        if (_left == 0 || _left != _size)
        {
            throw new ProtocolException("A file was handed over that was not announced.");
        }

        if (DescriptorStatus.RegularSize(descriptor) != _size)
        {
            throw new ProtocolException("Something else was handed over than the file that was announced.");
        }

        if (_file is not null)
        {
            _sha256 = await DescriptorCopy.RunAsync(descriptor, _file, _size, progressed, cancellationToken).ConfigureAwait(false);
        }

        _left = 0;
    }

    /// <summary>Closes it once all of it is there. Null where it was passed over, or is not complete.</summary>
    public ReceivedFile? Complete()
    {
        if (IsIncomplete || _file is null)
        {
            return null;
        }

        _file.Dispose();
        _file = null;
        return new ReceivedFile(_path, _size, Convert.ToHexStringLower(_sha256 ?? _hash.GetHashAndReset()));
    }

    public void Dispose()
    {
        _file?.Dispose();
        _hash.Dispose();
    }
}
