using System.IO.Pipelines;
using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Engines.Docker;

/// <summary>Sends copies into the volumes of a container that has not started yet.</summary>
internal static class VolumeFiller
{
    // A folder has no bound on its size, so that the wait is for the next bytes to be taken and not for the end.
    private static readonly TimeSpan StallDeadline = TimeSpan.FromSeconds(30);

    private const int PieceLength = 128 * 1024;

    /// <summary>Fills one volume.</summary>
    /// <exception cref="TimeoutException">The engine has stopped taking bytes.</exception>
    public static async Task FillAsync(
        DockerClient client,
        string containerId,
        SandboxCopy copy,
        (int UserId, int GroupId) reader,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource stalled = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stalled.CancelAfter(StallDeadline);
        Pipe pipe = new(
            new PipeOptions(
                pauseWriterThreshold: 4 * PieceLength,
                resumeWriterThreshold: 2 * PieceLength,
                minimumSegmentSize: PieceLength,
                useSynchronizationContext: false
            )
        );
        Task writing = WriteAsync(copy, reader, pipe.Writer, stalled.Token);
        try
        {
            Stream archive = new ProgressStream(pipe.Reader.AsStream(), () => stalled.CancelAfter(StallDeadline));
            await using (archive.ConfigureAwait(false))
            {
                await client
                    .Containers.ExtractArchiveToContainerAsync(
                        containerId,
                        new ContainerPathStatParameters { Path = copy.VolumePath },
                        archive,
                        stalled.Token
                    )
                    .WaitAsync(stalled.Token)
                    .ConfigureAwait(false);
            }

            await writing.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the engine stopped taking the copy of '{copy.HostPath}'");
        }
        finally
        {
            await stalled.CancelAsync().ConfigureAwait(false);
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task WriteAsync(
        SandboxCopy copy,
        (int UserId, int GroupId) reader,
        PipeWriter writer,
        CancellationToken cancellationToken
    )
    {
        Exception? failure = null;
        try
        {
            // An archive of small files is written in very small pieces, each of which would be one of the request's.
            Stream stream = new BufferedStream(writer.AsStream(leaveOpen: true), PieceLength);
            await using (stream.ConfigureAwait(false))
            {
                await (
                    copy.Original is { } original
                        ? WorkspaceArchive.WriteAsync(copy, original, reader, stream, cancellationToken)
                        : FolderArchive.WriteAsync(copy, reader, stream, cancellationToken)
                ).ConfigureAwait(false);
            }
        }
        catch (Exception caught) when (caught is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            failure = caught;
        }

        // The reading side meets it there.
        await writer.CompleteAsync(failure).ConfigureAwait(false);
    }

    /// <summary>Tells of every read.</summary>
    private sealed class ProgressStream(Stream source, Action progress) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            progress();
            return source.Read(buffer, offset, count);
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            progress();
            return source.ReadAsync(buffer, cancellationToken);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
