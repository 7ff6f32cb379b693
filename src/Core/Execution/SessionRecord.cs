using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Outputs;
using IsolatedAgents.Runs;
using IsolatedAgents.Telemetry;

namespace IsolatedAgents.Execution;

/// <summary>Every event of a run, whatever level is shown, as JSON lines in the report folder.</summary>
internal sealed class SessionRecord : ITelemetrySink, IDisposable
{
    /// <summary>Its name in the report folder.</summary>
    public const string FileName = "session.jsonl";

    private readonly FileStream _stream;
    private readonly JsonFormat _format;
    private bool _isAbandoned;

    private SessionRecord(string path)
    {
        Path = path;
        _stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 64 * 1024);
        _format = new JsonFormat(_stream);
    }

    public string Path { get; }

    /// <exception cref="ConfigurationException">IA1003: the folder cannot be written. IA1004: it belongs to another gate.</exception>
    public static SessionRecord? Create(string? folder, FolderOwner? owner)
    {
        if (folder is null)
        {
            return null;
        }

        try
        {
            Directory.CreateDirectory(folder);
            FolderOwnership.Claim(folder, owner);
            return new SessionRecord(System.IO.Path.Combine(folder, FileName));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The report directory '{folder}' cannot be written: {failure.Message} Name a folder that this user may create files in."
            );
        }
    }

    public void Write(TelemetryEvent telemetryEvent) => _format.Write(telemetryEvent);

    public async ValueTask FlushAsync() => await _stream.FlushAsync().ConfigureAwait(false);

    /// <summary>Leaves it as it is, since somebody may be at a write that never ends: closing it would wait for that.</summary>
    public void Abandon() => _isAbandoned = true;

    public void Dispose()
    {
        if (_isAbandoned)
        {
            return;
        }

        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // The disk is full, which was told when the event that did not fit was written.
        }
    }
}
