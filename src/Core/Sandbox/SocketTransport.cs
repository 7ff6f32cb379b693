using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Engines;
using IsolatedAgents.Platform.Sockets;
using IsolatedAgents.Protocol;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Sandbox;

/// <summary>
/// The supervisor's connections over a Unix socket: one for frames and the files that come with them, one for what it writes when it dies,
/// and one to hand over what the agent opens.
/// </summary>
internal sealed class SocketTransport(Socket frames, Socket diagnostics, Socket? connections) : ISandboxTransport
{
    private const int MaxDiagnostics = 4096;

    private static readonly TimeSpan DiagnosticsDeadline = TimeSpan.FromSeconds(1);

    private readonly Queue<SafeFileHandle> _descriptors = new();

    public string Diagnostics { get; private set; } = "";

    public Socket? Connections => connections;

    public async Task<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int count;
        int descriptor;
        while ((count = DescriptorPassing.Receive(frames.SafeHandle, buffer, out descriptor)) < 0)
        {
            // Of no bytes: it completes when there are some.
            await frames.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellationToken).ConfigureAwait(false);
        }

        Keep(descriptor);
        if (count == 0)
        {
            await ReadDiagnosticsAsync(cancellationToken).ConfigureAwait(false);
        }

        return count;
    }

    public SafeFileHandle? TakeDescriptor() => _descriptors.TryDequeue(out SafeFileHandle? descriptor) ? descriptor : null;

    public async Task WriteAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        // Unlike a call of its own kind, a send may take a part only.
        for (int sent = 0; sent < bytes.Length; )
        {
            sent += await frames.SendAsync(bytes.AsMemory(sent), SocketFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        frames.Dispose();
        diagnostics.Dispose();
        connections?.Dispose();
        return ValueTask.CompletedTask;
    }

    // A descriptor comes with its frame's first byte, and the rest of that frame may come with the next one.
    private void Keep(int descriptor)
    {
        if (descriptor < 0)
        {
            return;
        }

        _descriptors.Enqueue(new SafeFileHandle(descriptor, ownsHandle: true));
        if (_descriptors.Count > Frame.MaxDescriptors)
        {
            throw new ProtocolException("Descriptors came that nothing announces.");
        }
    }

    // The supervisor is gone or going; only what it said already counts.
    private async Task ReadDiagnosticsAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(DiagnosticsDeadline);
        byte[] text = new byte[MaxDiagnostics];
        int filled = 0;
        try
        {
            int count;
            while (
                filled < text.Length
                && (count = await diagnostics.ReceiveAsync(text.AsMemory(filled), SocketFlags.None, deadline.Token).ConfigureAwait(false))
                    > 0
            )
            {
                filled += count;
            }
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // What came until now is all there is.
        }

        Diagnostics = Encoding.UTF8.GetString(text, 0, filled).ReplaceLineEndings(" ").Trim();
    }
}
