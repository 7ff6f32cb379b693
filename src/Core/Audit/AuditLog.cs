using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Telemetry;
using Microsoft.Win32.SafeHandles;

namespace IsolatedAgents.Audit;

/// <summary>
/// An append-only file of every event of a run, each entry chained to the one before it, from a header to a seal. Runs that follow one
/// another in a file continue one chain. What cannot be written fails the run: a log that was asked for and is not there is no log.
/// </summary>
internal sealed class AuditLog : ITelemetrySink, IDisposable
{
    // So much may wait in memory for the disk before the kernel is asked to begin with it: at the end, the seal waits for what is left.
    private const int WriteBackBytes = 4 * 1024 * 1024;

    // Entries are handed to the kernel in pieces of about this size.
    private const int PendingBytes = 64 * 1024;

    private readonly FileStream _file;
    private readonly SafeFileHandle _handle;
    private readonly ArrayBufferWriter<byte> _pending = new(PendingBytes + 4096);
    private readonly Action _onFailure;
    private readonly IncrementalHash _algorithm = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly JsonFormat _format = new(Stream.Null);
    private readonly ArrayBufferWriter<byte> _line = new(4096);
    private readonly byte[] _head = new byte[AuditChain.HashLength];
    private readonly string _sessionId;
    private readonly long _inode;
    private long _entries;
    private long _lastSequence;
    private long _length;
    private long _writtenBack;
    private bool _isAbandoned;

    private AuditLog(FileStream file, string path, string sessionId, ReadOnlySpan<byte> head, Action onFailure)
    {
        _file = file;
        _handle = file.SafeFileHandle;
        _length = file.Length;
        _sessionId = sessionId;
        _onFailure = onFailure;
        _inode = FileIdentity.Inode(path);
        _writtenBack = _length;
        Path = path;
        head.CopyTo(_head);
    }

    /// <summary>Absolute path of the file.</summary>
    public string Path { get; }

    /// <summary>The hash of the last entry: kept elsewhere, it shows whether the end of the file was cut off.</summary>
    public string Head => System.Text.Encoding.ASCII.GetString(_head);

    /// <summary>Why the log is not complete; null where it is.</summary>
    public string? Failure { get; private set; }

    /// <summary>Opens or continues a file and writes the run's header.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="header">The header.</param>
    /// <param name="onFailure">Called once, on the writing thread, when an entry cannot be written.</param>
    /// <param name="patience">How long to wait for each run that writes it before.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConfigurationException">IA1003: it cannot be written, is in use for too long, or is no audit log.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static AuditLog Open(
        string path,
        AuditHeader header,
        Action onFailure,
        TimeSpan patience = default,
        CancellationToken cancellationToken = default
    )
    {
        FileStream? file = null;
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            if (FileIdentity.IsSpecial(path))
            {
                throw new IOException("It is not a regular file.");
            }

            if (
                new FileInfo(path) is { LinkTarget: not null } link
                && link.ResolveLinkTarget(returnFinalTarget: true) is not { Exists: true }
            )
            {
                // Whoever left the link would choose where this process makes a file.
                throw new IOException("It is a link to a file that does not exist.");
            }

            // Whoever writes it has it alone; other programs can read all the same.
            file = AuditLogFile.Open(path, patience, cancellationToken);
            AuditVerification before = AuditVerifier.Verify(file, expectedHead: null, cancellationToken);
            if (before.Status is not (AuditStatus.Empty or AuditStatus.Sealed or AuditStatus.Unsealed) || before.IsTorn)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The audit log '{path}' cannot be continued: {before.Message} Keep it as it is and name another file."
                );
            }

            AuditLog log = new(
                file,
                path,
                header.SessionId,
                before.Head is { } head ? System.Text.Encoding.ASCII.GetBytes(head) : AuditChain.Genesis,
                onFailure
            );
            log.Append(JsonSerializer.SerializeToUtf8Bytes(header, AuditJsonContext.Default.AuditHeader));
            log.WriteOut();
            return log;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The audit log '{path}' cannot be written: {failure.Message} Name a file that this user may write and that no other run is writing."
            );
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    public void Write(TelemetryEvent telemetryEvent)
    {
        ReadOnlySpan<byte> line = _format.Render(telemetryEvent);
        _lastSequence = telemetryEvent.Sequence;
        TryAppend(line[..^1]);
    }

    public ValueTask FlushAsync()
    {
        Try(WriteOut);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes the seal. Every event must have been written.</summary>
    public void Seal(DateTimeOffset timestamp, string verdict)
    {
        AuditFooter footer = new()
        {
            Timestamp = timestamp,
            Sequence = _lastSequence + 1,
            SessionId = _sessionId,
            Verdict = verdict,
            Entries = _entries,
        };
        TryAppend(JsonSerializer.SerializeToUtf8Bytes(footer, AuditJsonContext.Default.AuditFooter));
        Try(WriteOut);
        Try(() => _file.Flush(flushToDisk: true));
        Try(() =>
        {
            RequireLength();
            if (FileIdentity.Inode(Path) != _inode)
            {
                throw new IOException("The file was deleted or replaced while the run wrote it.");
            }
        });
    }

    /// <summary>
    /// Leaves it as it is and without a seal, since somebody may be at a write that never ends: everything that touches it would wait for
    /// that.
    /// </summary>
    public void Abandon(string reason)
    {
        _isAbandoned = true;
        Failure ??= reason;
    }

    public void Dispose()
    {
        if (_isAbandoned)
        {
            return;
        }

        _algorithm.Dispose();
        try
        {
            _file.Dispose();
        }
        catch (IOException) when (Failure is not null)
        {
            // What could not be written before cannot be written now; the file is closed all the same.
        }
    }

    private void TryAppend(ReadOnlySpan<byte> entry)
    {
        if (Failure is not null)
        {
            return;
        }

        try
        {
            Append(entry);
        }
        catch (IOException failure)
        {
            Fail(failure);
        }
    }

    private void Append(ReadOnlySpan<byte> entry)
    {
        _line.ResetWrittenCount();
        _line.Write(entry[..^1]);
        _line.Write(AuditChain.PreviousName);
        _line.Write(_head);
        AuditChain.Hash(_algorithm, _line.WrittenSpan, _head);
        _line.Write(AuditChain.HashName);
        _line.Write(_head);
        _line.Write(AuditChain.End);
        _line.Write("\n"u8);
        _pending.Write(_line.WrittenSpan);
        _entries++;
        if (_pending.WrittenCount >= PendingBytes)
        {
            WriteOut();
        }
    }

    private void WriteOut()
    {
        RequireLength();
        RandomAccess.Write(_handle, _pending.WrittenSpan, _length);
        _length += _pending.WrittenCount;
        _pending.ResetWrittenCount();
        if (_length - _writtenBack >= WriteBackBytes)
        {
            WriteBack.Begin(_handle, _writtenBack, _length - _writtenBack);
            _writtenBack = _length;
        }
    }

    // A lock holds nobody off who does not ask for it. A file that was cut would be continued behind a hole.
    private void RequireLength()
    {
        if (RandomAccess.GetLength(_handle) != _length)
        {
            throw new IOException("Somebody else changed its length while the run wrote it.");
        }
    }

    private void Try(Action action)
    {
        if (Failure is not null)
        {
            return;
        }

        try
        {
            action();
        }
        catch (IOException failure)
        {
            Fail(failure);
        }
    }

    private void Fail(IOException failure)
    {
        Failure = failure.Message;
        _onFailure();
    }
}
