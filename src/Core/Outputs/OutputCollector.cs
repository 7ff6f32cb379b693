using System.Collections.Immutable;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Outputs;

/// <summary>
/// Takes the files that come over the stream. Everything about them is the agent's choice: names, sizes and number are held against the
/// bounds again, although the supervisor has done so, and nothing reaches the output folder before all of it is here.
/// </summary>
internal sealed class OutputCollector(OutputDirectory directory, string sessionId, long maxBytes, int maxFiles) : IDisposable
{
    private readonly List<Artifact> _artifacts = [];
    private readonly IncomingFile _incoming = new(maxBytes);
    private string? _staging;
    private string _folder = "";
    private string _name = "";

    /// <summary>Begins a file. The reason where it is refused: its bytes are then passed over.</summary>
    /// <exception cref="ProtocolException">The supervisor does not keep to the bounds.</exception>
    public string? Begin(OutputFile file)
    {
        if (_artifacts.Count >= maxFiles)
        {
            throw new ProtocolException("There are more output files than the bound allows.");
        }

        _incoming.Begin(file.Size);
        (_name, string? refusal) = OutputName.Decode(file.Path, OperatingSystem.IsWindows());
        refusal ??= Create(file.Executable);
        End();
        return refusal;
    }

    /// <summary>Takes bytes of the file begun last.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        _incoming.Write(bytes);
        End();
    }

    /// <summary>Takes the whole of the file begun last from where it lies.</summary>
    /// <param name="descriptor">The file, or whatever the supervisor says is it.</param>
    /// <param name="progressed">Told again and again while it gets on.</param>
    /// <param name="cancellationToken">Ends it before its next block.</param>
    /// <exception cref="ProtocolException">It is not the file that was announced.</exception>
    public async ValueTask CopyAsync(SafeFileHandle descriptor, Action progressed, CancellationToken cancellationToken)
    {
        await _incoming.CopyAsync(descriptor, progressed, cancellationToken).ConfigureAwait(false);
        End();
    }

    /// <summary>Puts everything in place.</summary>
    public ImmutableArray<Artifact> Commit()
    {
        if (_incoming.IsIncomplete)
        {
            throw new ProtocolException("The last output file is not complete.");
        }

        _staging ??= directory.CreateStaging(sessionId);
        directory.Replace(_staging, sessionId, _artifacts);
        _staging = null;
        return [.. _artifacts];
    }

    /// <summary>Drops what was not put in place.</summary>
    public void Dispose()
    {
        _incoming.Dispose();
        if (_staging is not null && Directory.Exists(_staging))
        {
            Directory.Delete(_staging, recursive: true);
        }
    }

    private string? Create(bool isExecutable)
    {
        _staging ??= directory.CreateStaging(sessionId);
        string path = Path.Combine(_staging, _name);
        string folder = Path.GetDirectoryName(path)!;
        if (folder != _folder)
        {
            // Files of one folder come one after the other.
            Directory.CreateDirectory(folder);
            _folder = folder;
        }

        try
        {
            // Never over another file: where case is not told apart, the second of two names is refused.
            _incoming.Keep(path, isExecutable);
            return null;
        }
        catch (IOException) when (File.Exists(path))
        {
            return "Another output has the same name on this host";
        }
    }

    private void End()
    {
        if (_incoming.Complete() is { } received)
        {
            _artifacts.Add(
                new Artifact(
                    Path.Combine(directory.FullPath, _name.Replace('/', Path.DirectorySeparatorChar)),
                    _name,
                    received.Size,
                    received.Sha256
                )
            );
        }
    }
}
