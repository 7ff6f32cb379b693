using System.Net.Sockets;
using System.Text;
using Docker.DotNet;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// The container's attached streams as a transport. Its reader must never pause: a connection that is attached and not read makes the
/// engine's calls for that container hang (moby issue 41827). The protocol's credit keeps what it has to hold bounded.
/// </summary>
internal sealed class AttachTransport(MultiplexedStream stream) : ISandboxTransport
{
    private const int MaxDiagnostics = 4096;

    private readonly StringBuilder _diagnostics = new();

    public string Diagnostics => _diagnostics.ToString().ReplaceLineEndings(" ").Trim();

    public Socket? Connections => null;

    public async Task<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            MultiplexedStream.ReadResult result = await stream
                .ReadOutputAsync(buffer, 0, buffer.Length, cancellationToken)
                .ConfigureAwait(false);
            if (result.EOF)
            {
                return 0;
            }

            if (result.Target == MultiplexedStream.TargetStream.StandardOut)
            {
                if (result.Count > 0)
                {
                    return result.Count;
                }
            }
            else if (_diagnostics.Length < MaxDiagnostics)
            {
                _diagnostics.Append(Encoding.UTF8.GetString(buffer, 0, Math.Min(result.Count, MaxDiagnostics)));
            }
        }
    }

    public SafeFileHandle? TakeDescriptor() => null;

    public Task WriteAsync(byte[] bytes, CancellationToken cancellationToken) =>
        stream.WriteAsync(bytes, 0, bytes.Length, cancellationToken);

    public ValueTask DisposeAsync()
    {
        stream.Dispose();
        return ValueTask.CompletedTask;
    }
}
