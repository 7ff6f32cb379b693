using System.Collections.Immutable;
using System.Security.Cryptography;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Outputs;

/// <summary>
/// Takes the files that come over the stream. Everything about them is the agent's choice: names, sizes and number are held against the bounds
/// again, although the supervisor has done so, and nothing reaches the output folder before all of it is here.
/// </summary>
internal sealed class OutputCollector(OutputDirectory directory, string sessionId, long maxBytes, int maxFiles) : IDisposable
{
    private readonly List<Artifact> _artifacts = [];
    private string? _staging;
    private IncrementalHash? _hash;
    private FileStream? _file;
    private string _name = "";
    private bool _isExecutable;
    private long _left;
    private long _total;
    private bool _isSkipping;

    /// <summary>Begins a file. The reason where it is refused: its bytes are then passed over.</summary>
    /// <exception cref="ProtocolException">The supervisor does not keep to the bounds.</exception>
    public string? Begin(OutputFile file)
    {
        if (_left > 0 || file.Size > maxBytes - _total || _artifacts.Count >= maxFiles)
        {
            throw new ProtocolException("An output file does not keep to the bounds.");
        }

        _total += file.Size;
        _left = file.Size;
        _isExecutable = file.Executable;
        (_name, string? refusal) = OutputName.Decode(file.Path, OperatingSystem.IsWindows());
        refusal ??= Create();
        _isSkipping = refusal is not null;
        if (_left == 0)
        {
            End();
        }

        return refusal;
    }

    /// <summary>Takes bytes of the file begun last.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _left)
        {
            throw new ProtocolException("More bytes came than an output file has.");
        }

        _left -= bytes.Length;
        if (!_isSkipping)
        {
            _file!.Write(bytes);
            _hash!.AppendData(bytes);
        }

        if (_left == 0)
        {
            End();
        }
    }

    /// <summary>Puts everything in place.</summary>
    public ImmutableArray<Artifact> Commit()
    {
        if (_left > 0)
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
        _file?.Dispose();
        _hash?.Dispose();
        if (_staging is not null && Directory.Exists(_staging))
        {
            Directory.Delete(_staging, recursive: true);
        }
    }

    private string? Create()
    {
        _staging ??= directory.CreateStaging(sessionId);
        string path = Path.Combine(_staging, _name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            // Never over another file: where case is not told apart, the second of two names is refused.
            _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        }
        catch (IOException) when (File.Exists(path))
        {
            return "Another output has the same name on this host";
        }

        _hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        return null;
    }

    private void End()
    {
        if (_isSkipping)
        {
            return;
        }

        long size = _file!.Length;
        if (_isExecutable && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_file.SafeFileHandle, File.GetUnixFileMode(_file.SafeFileHandle) | UnixFileMode.UserExecute);
        }

        _file.Dispose();
        _file = null;
        string hash = Convert.ToHexStringLower(_hash!.GetHashAndReset());
        _artifacts.Add(new Artifact(Path.Combine(directory.FullPath, _name.Replace('/', Path.DirectorySeparatorChar)), _name, size, hash));
    }
}
