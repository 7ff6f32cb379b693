using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Channel;

/// <summary>The descriptors of the stream to the host: the attached standard streams, or one socket.</summary>
/// <param name="Input">What the host says; does not block.</param>
/// <param name="Output">What it is told; does not block.</param>
/// <param name="Connections">Where the agent's connections are handed over as descriptors; -1 where they are not.</param>
internal sealed record HostStream(int Input, int Output, int Connections)
{
    private const int StandardError = 2;

    /// <summary>The argument before the path of the host's socket; without it the stream is attached.</summary>
    private const string SocketArgument = "--socket";

    /// <summary>The argument behind that path, where the agent's connections are to be handed over.</summary>
    private const string ConnectionsArgument = "--connections";

    /// <summary>Whether it is a Unix socket, which carries descriptors too.</summary>
    public bool IsSocket => Input == Output;

    /// <summary>Opens what the arguments name.</summary>
    /// <exception cref="KernelException">The host's socket cannot be reached.</exception>
    public static HostStream Open(string[] arguments)
    {
        HostStream stream = arguments switch
        {
            [] => new HostStream(0, 1, -1),
            [SocketArgument, { } path] => Connect(path, hasConnections: false),
            [SocketArgument, { } path, ConnectionsArgument] => Connect(path, hasConnections: true),
            _ => throw new ProtocolException("It was started with arguments that it does not know."),
        };
        Descriptor.SetNonBlocking(stream.Input);
        Descriptor.SetNonBlocking(stream.Output);
        return stream;
    }

    private static HostStream Connect(string path, bool hasConnections)
    {
        // The folder is open to its owner alone, and root without privileges is nobody there: this thread is the owner for as long as it
        // takes.
        _ = LibC.setfsuid(UnixSocket.OwnerOf(Path.GetDirectoryName(path)!));
        int frames = UnixSocket.Connect(path);
        int diagnostics = UnixSocket.Connect(path);
        int connections = hasConnections ? UnixSocket.Connect(path) : -1;
        _ = LibC.setfsuid(0);
        // Where the runtime writes when it dies; the agent has streams of its own.
        KernelException.ThrowIfFailed("dup3", LibC.dup3(diagnostics, StandardError, OpenCloseOnExec));
        LibC.close(diagnostics);
        return new HostStream(frames, frames, connections);
    }
}
