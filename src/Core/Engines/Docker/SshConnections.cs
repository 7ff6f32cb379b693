using System.Collections.Frozen;
using System.ComponentModel;
using System.Diagnostics;

namespace IsolatedAgents.Engines.Docker;

/// <summary>Starts ssh clients, and ends those that are left.</summary>
/// <param name="arguments">Theirs.</param>
/// <param name="host">The machine, for messages.</param>
/// <param name="environment">Their variables: the agent of the user's keys, and where the user's home is.</param>
internal sealed class SshConnections(string[] arguments, string host, FrozenDictionary<string, string> environment) : IDisposable
{
    private const string Client = "ssh";
    private const string SessionStarter = "/usr/bin/setsid";

    private readonly Lock _changing = new();
    private readonly HashSet<SshStream> _open = [];
    private bool _disposed;

    /// <summary>Starts one.</summary>
    /// <exception cref="IOException">There is no ssh client.</exception>
    public Task<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // In a session of its own: an interrupt at the terminal is for us, and the way to the sandbox must outlast it.
        string client = FindClient();
        bool isOwnSession = OperatingSystem.IsLinux() && File.Exists(SessionStarter);
        ProcessStartInfo start = new(isOwnSession ? SessionStarter : client, isOwnSession ? [client, .. arguments] : arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        SshStream stream;
        try
        {
            stream = new SshStream(Process.Start(start)!, host, Forget);
        }
        catch (Win32Exception failure)
        {
            throw new IOException($"the program '{client}' cannot be started: {failure.Message}", failure);
        }

        lock (_changing)
        {
            if (!_disposed)
            {
                _open.Add(stream);
                return Task.FromResult<Stream>(stream);
            }
        }

        stream.Kill();
        throw new ObjectDisposedException(nameof(SshConnections));
    }

    public void Dispose()
    {
        SshStream[] left;
        lock (_changing)
        {
            _disposed = true;
            left = [.. _open];
        }

        // Whoever used them is done: nothing that is on its way matters any more.
        foreach (SshStream stream in left)
        {
            stream.Kill();
        }
    }

    // By the caller's variables, as everything else; not by those that this process happens to have.
    private string FindClient() =>
        environment
            .GetValueOrDefault("PATH", "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? Client + ".exe" : Client))
            .FirstOrDefault(File.Exists)
        ?? throw new IOException($"there is no program '{Client}'. Install OpenSSH's client");

    private void Forget(SshStream stream)
    {
        lock (_changing)
        {
            _open.Remove(stream);
        }
    }
}
