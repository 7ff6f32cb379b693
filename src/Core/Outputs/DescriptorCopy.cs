using System.Security.Cryptography;
using System.Threading.Channels;
using IsolatedAgents.Protocol;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Outputs;

/// <summary>
/// Copies a file that the sandbox has handed over, and hashes it on another processor. Every byte is read once, into memory that is this
/// process's alone: whatever becomes of the file meanwhile, what is written is what was hashed.
/// </summary>
internal static class DescriptorCopy
{
    private const int BlockLength = 128 * 1024;

    // So that reading and writing, which take less time, need not keep step with hashing.
    private const int BlockCount = 8;

    /// <summary>Copies and hashes.</summary>
    /// <param name="source">A regular file.</param>
    /// <param name="target">An empty one.</param>
    /// <param name="size">So many bytes are taken, although there may be more by now.</param>
    /// <param name="progressed">Told of every block.</param>
    /// <param name="cancellationToken">Ends it before the next block.</param>
    /// <returns>The SHA-256 of what was written.</returns>
    /// <exception cref="ProtocolException">The file cannot be read, or has become shorter.</exception>
    /// <exception cref="IOException">The copy cannot be written.</exception>
    public static Task<byte[]> RunAsync(
        SafeFileHandle source,
        SafeFileHandle target,
        long size,
        Action progressed,
        CancellationToken cancellationToken
    ) => Task.Run(() => CopyAsync(source, target, size, progressed, cancellationToken), cancellationToken);

    private static async Task<byte[]> CopyAsync(
        SafeFileHandle source,
        SafeFileHandle target,
        long size,
        Action progressed,
        CancellationToken cancellationToken
    )
    {
        UnboundedChannelOptions options = new() { SingleReader = true, SingleWriter = true };
        Channel<byte[]> free = Channel.CreateUnbounded<byte[]>(options);
        Channel<ArraySegment<byte>> filled = Channel.CreateUnbounded<ArraySegment<byte>>(options);
        Task<byte[]> hashing = Task.Run(() => HashAsync(filled.Reader, free.Writer), CancellationToken.None);
        int unused = BlockCount;
        try
        {
            for (long offset = 0; offset < size; )
            {
                byte[] block = unused-- > 0 ? new byte[BlockLength] : await free.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                ArraySegment<byte> bytes = new(block, 0, Read(source, block.AsSpan(0, (int)Math.Min(size - offset, BlockLength)), offset));
                filled.Writer.TryWrite(bytes);
                RandomAccess.Write(target, bytes, offset);
                offset += bytes.Count;
                progressed();
            }
        }
        finally
        {
            filled.Writer.Complete();
        }

        return await hashing.ConfigureAwait(false);
    }

    private static int Read(SafeFileHandle source, Span<byte> block, long offset)
    {
        int count;
        try
        {
            count = RandomAccess.Read(source, block, offset);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ProtocolException($"A file that was handed over cannot be read: {failure.Message}");
        }

        return count > 0 ? count : throw new ProtocolException("A file that was handed over has become shorter.");
    }

    private static async Task<byte[]> HashAsync(ChannelReader<ArraySegment<byte>> filled, ChannelWriter<byte[]> free)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await foreach (ArraySegment<byte> bytes in filled.ReadAllAsync().ConfigureAwait(false))
        {
            hash.AppendData(bytes);
            free.TryWrite(bytes.Array!);
        }

        return hash.GetHashAndReset();
    }
}
