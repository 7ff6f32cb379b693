using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Engines;

/// <summary>A duplex byte stream to the supervisor. Whatever carries it, the frames are the same.</summary>
internal interface ISandboxTransport : IAsyncDisposable
{
    /// <summary>Reads what is there; 0 when the stream has ended.</summary>
    Task<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken);

    /// <summary>The next descriptor that came with what was read; null where none did. The caller's to close.</summary>
    SafeFileHandle? TakeDescriptor();

    /// <summary>Writes all of it.</summary>
    Task WriteAsync(byte[] bytes, CancellationToken cancellationToken);

    /// <summary>Text that the supervisor wrote beside the frames, such as the cause of its death. Bounded.</summary>
    string Diagnostics { get; }

    /// <summary>The socket over which the supervisor hands over the agent's connections; null when their bytes come in frames.</summary>
    Socket? Connections { get; }
}
