using System.Net.Sockets;
using System.Security.Cryptography;

namespace IsolatedAgents.Sandbox;

/// <summary>
/// A folder of one run's own that the sandbox sees read-only. With a socket, it is how the supervisor reaches this process: exactly once, before the agent
/// starts, and the folder is gone from then on. Without one, it holds a file that no other machine can have, which shows whether mounts are what they seem.
/// </summary>
internal sealed class ChannelFolder : IDisposable
{
    public const string NamePrefix = "isolated-agents-";

    private const string SocketName = "host.sock";
    private const string SentinelName = "sentinel";
    private const string OwnerName = "owner";
    private const UnixFileMode OwnerAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode ReadableByAll = OwnerAlone | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    // unix(7): a socket's path has 108 bytes, the last of which is 0.
    private const int MaxSocketPath = 107;

    private readonly Socket? _listener;
    private bool _isClosed;

    private ChannelFolder(string path, Socket? listener, string sentinel)
    {
        HostPath = path;
        Sentinel = sentinel;
        _listener = listener;
    }

    public string HostPath { get; }

    /// <summary>What the sentinel file holds; empty where there is a socket instead, which proves more.</summary>
    public string Sentinel { get; }

    public static string SentinelPath => $"{SandboxPaths.Channel}/{SentinelName}";

    /// <summary>Where the supervisor finds the socket.</summary>
    public static string SocketPath => $"{SandboxPaths.Channel}/{SocketName}";

    /// <summary>Makes the folder, and listens in it where there is to be a socket.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static ChannelFolder Create(string sessionId, bool withSocket, string? parent = null)
    {
        string path = Path.Combine(Parent(parent ?? Path.GetTempPath(), sessionId, withSocket), NamePrefix + sessionId);
        CreateFolder(path, withSocket ? OwnerAlone : ReadableByAll);
        File.WriteAllText(Path.Combine(path, OwnerName), SandboxOwner.Current?.ToString() ?? "");
        if (withSocket)
        {
            Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(path, SocketName)));
            listener.Listen(2);
            return new ChannelFolder(path, listener, "");
        }

        string sentinel = RandomNumberGenerator.GetHexString(32);
        File.WriteAllText(Path.Combine(path, SentinelName), sentinel);
        return new ChannelFolder(path, null, sentinel);
    }

    /// <summary>Puts a program into the folder, once, and gives its path there.</summary>
    /// <exception cref="IOException">It cannot be copied.</exception>
    public string Place(string program)
    {
        string placed = Path.Combine(HostPath, Path.GetFileName(program));
        if (!File.Exists(placed) && !_isClosed)
        {
            File.Copy(program, placed);
        }

        return placed;
    }

    /// <summary>The folders in the temporary folder whose process is surely gone.</summary>
    public static IEnumerable<string> FindOwnerless()
    {
        foreach (string path in Directory.EnumerateDirectories(Path.GetTempPath(), NamePrefix + "*"))
        {
            string? owner = null;
            try
            {
                owner = File.ReadAllText(Path.Combine(path, OwnerName));
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Not one of these, or somebody else's.
            }

            if (owner is not null && SandboxOwner.Parse(owner)?.Judge() == OwnerState.Gone)
            {
                yield return path;
            }
        }
    }

    /// <summary>Takes the supervisor's two connections, for frames and for what it says when it dies, and closes the door.</summary>
    public async Task<ISandboxTransport> AcceptAsync(CancellationToken cancellationToken)
    {
        Socket? frames = null;
        try
        {
            frames = await _listener!.AcceptAsync(cancellationToken).ConfigureAwait(false);
            Socket diagnostics = await _listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
            SocketTransport transport = new(frames, diagnostics);
            Dispose();
            return transport;
        }
        catch
        {
            frames?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _listener?.Dispose();
        _isClosed = true;
        try
        {
            Directory.Delete(HostPath, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The sandbox was reached, and nothing was left of it.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // An empty folder in the temporary folder, for a later clean-up.
        }
    }

    private static string Parent(string temporary, string sessionId, bool withSocket)
    {
        int length = System.Text.Encoding.UTF8.GetByteCount(Path.Combine(temporary, NamePrefix + sessionId, SocketName));
        return withSocket && length > MaxSocketPath ? "/tmp" : temporary;
    }

    private static void CreateFolder(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(path, mode);
        // The process's mask may have taken something away.
        File.SetUnixFileMode(path, mode);
    }
}
