using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace IsolatedAgents.Audit;

/// <summary>
/// Reads an audit log and recomputes its chain. The file is taken to be hostile: lines are bounded, read strictly, and never held together.
/// </summary>
public static class AuditVerifier
{
    private const int MaxLineBytes = 1024 * 1024;

    /// <summary>Verifies a log.</summary>
    /// <param name="log">Read from its start.</param>
    /// <param name="expectedHead">
    /// The head that was kept elsewhere, in hex; null where none was. Without it, a missing end cannot be told from an earlier end.
    /// </param>
    /// <param name="cancellationToken">Ends the reading of a long log.</param>
    /// <exception cref="IOException">The log cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static AuditVerification Verify(Stream log, string? expectedHead, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        log.Seek(0, SeekOrigin.Begin);
        LineReader reader = new(log);
        using State state = new(expectedHead);
        while (reader.TryRead(out ReadOnlySpan<byte> line, out bool isComplete))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!isComplete)
            {
                return line.Length > MaxLineBytes ? state.Bad("the line is longer than any entry") : state.Torn();
            }

            if (state.Take(line) is { } problem)
            {
                return state.Bad(problem);
            }
        }

        return state.End();
    }

    private sealed class State(string? expectedHead) : IDisposable
    {
        private readonly IncrementalHash _algorithm = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly byte[] _head = AuditChain.Genesis.ToArray();
        private string _session = "";
        private long _sequence;
        private long _entries;
        private bool _isOpen;
        private bool _isHeadMet;

        private string? Head => _entries == 0 ? null : Encoding.ASCII.GetString(_head);

        public void Dispose() => _algorithm.Dispose();

        /// <summary>Takes one line; gives what is wrong with it.</summary>
        public string? Take(ReadOnlySpan<byte> line)
        {
            int prefix = line.Length - AuditChain.SuffixLength;
            if (prefix < 2)
            {
                return "it is no entry";
            }

            ReadOnlySpan<byte> suffix = line[prefix..];
            int previousAt = AuditChain.PreviousName.Length;
            int hashNameAt = previousAt + AuditChain.HashLength;
            int hashAt = hashNameAt + AuditChain.HashName.Length;
            if (
                !suffix.StartsWith(AuditChain.PreviousName)
                || !suffix[hashNameAt..].StartsWith(AuditChain.HashName)
                || !suffix.EndsWith(AuditChain.End)
            )
            {
                return "it has no hashes where an entry has them";
            }

            Span<byte> hash = stackalloc byte[AuditChain.HashLength];
            AuditChain.Hash(_algorithm, line[..(prefix + hashNameAt)], hash);
            if (!suffix.Slice(hashAt, AuditChain.HashLength).SequenceEqual(hash))
            {
                return "its hash is not that of its content: it was changed";
            }

            if (!suffix.Slice(previousAt, AuditChain.HashLength).SequenceEqual(_head))
            {
                return "it does not follow the entry before it: an entry was taken out, added or moved";
            }

            if (TakeContent(line) is { } problem)
            {
                return problem;
            }

            hash.CopyTo(_head);
            _entries++;
            _isHeadMet |= Head == expectedHead;
            return null;
        }

        public AuditVerification Bad(string problem) =>
            new(
                AuditStatus.Tampered,
                _entries,
                _entries + 1,
                Head,
                string.Create(CultureInfo.InvariantCulture, $"Line {_entries + 1}: {problem}.")
            );

        public AuditVerification Torn() =>
            expectedHead is not null && !_isHeadMet
                ? Cut()
                : new AuditVerification(
                    AuditStatus.Unsealed,
                    _entries,
                    _entries + 1,
                    Head,
                    string.Create(CultureInfo.InvariantCulture, $"Line {_entries + 1} is not complete, as after a crash."),
                    IsTorn: true
                );

        public AuditVerification End()
        {
            if (expectedHead is not null && !_isHeadMet)
            {
                return Cut();
            }

            if (_entries == 0)
            {
                return new AuditVerification(AuditStatus.Empty, 0, 0, null, "The log holds no entry.");
            }

            return _isOpen
                ? new AuditVerification(
                    AuditStatus.Unsealed,
                    _entries,
                    0,
                    Head,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"All {_entries} entries are as they were written; the last run was broken off before its seal."
                    )
                )
                : new AuditVerification(
                    AuditStatus.Sealed,
                    _entries,
                    0,
                    Head,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"All {_entries} entries are as they were written, and the last run is sealed."
                    )
                );
        }

        private AuditVerification Cut() =>
            new(
                AuditStatus.Cut,
                _entries,
                0,
                Head,
                "No entry has the expected head: the end of the log is missing, or the log was replaced."
            );

        private string? TakeContent(ReadOnlySpan<byte> line)
        {
            if (!TryReadContent(line, out string? name, out string? session, out long sequence))
            {
                return "it is no JSON object with a name, a session and a sequence number";
            }

            if (name == AuditEntryNames.Opened)
            {
                if (sequence != 0)
                {
                    return "a run begins with another number than 0";
                }

                _session = session;
                _sequence = 0;
                _isOpen = true;
                return null;
            }

            if (!_isOpen || session != _session || sequence != _sequence + 1)
            {
                return "its sequence number or session is not the next one";
            }

            _sequence = sequence;
            _isOpen = name != AuditEntryNames.Sealed;
            return null;
        }

        private static bool TryReadContent(
            ReadOnlySpan<byte> line,
            [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? name,
            [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? session,
            out long sequence
        )
        {
            (name, session, sequence) = (null, null, -1);
            try
            {
                Utf8JsonReader reader = new(line);
                reader.Read();
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    return false;
                }

                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    bool isName = reader.ValueTextEquals("event.name"u8);
                    bool isSession = reader.ValueTextEquals("session.id"u8);
                    bool isSequence = reader.ValueTextEquals("seq"u8);
                    reader.Read();
                    if (isName || isSession)
                    {
                        // A second one of the same name could be meant to be read by somebody else.
                        if (reader.TokenType != JsonTokenType.String || (isName ? name : session) is not null)
                        {
                            return false;
                        }

                        string? text = reader.GetString();
                        (name, session) = isName ? (text, session) : (name, text);
                    }
                    else if (isSequence)
                    {
                        if (sequence >= 0 || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out sequence))
                        {
                            return false;
                        }
                    }
                    else
                    {
                        reader.Skip();
                    }
                }

                return name is not null
                    && session is not null
                    && sequence >= 0
                    && reader.TokenType == JsonTokenType.EndObject
                    && !reader.Read();
            }
            catch (Exception failure) when (failure is JsonException or InvalidOperationException)
            {
                return false;
            }
        }
    }

    /// <summary>Lines of a stream, one at a time, none longer than the bound and one byte.</summary>
    private sealed class LineReader(Stream stream)
    {
        private byte[] _buffer = new byte[64 * 1024];
        private int _start;
        private int _end;
        private bool _isAtEnd;

        public bool TryRead(out ReadOnlySpan<byte> line, out bool isComplete)
        {
            int searched = 0;
            while (true)
            {
                int found = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
                if (found >= 0)
                {
                    line = _buffer.AsSpan(_start, searched + found);
                    _start += searched + found + 1;
                    isComplete = true;
                    return true;
                }

                searched = _end - _start;
                if (_isAtEnd || searched > MaxLineBytes)
                {
                    line = _buffer.AsSpan(_start, searched);
                    _start = _end;
                    isComplete = false;
                    return searched > 0;
                }

                Fill();
            }
        }

        private void Fill()
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            if (_end == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            int count = stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += count;
            _isAtEnd = count == 0;
        }
    }
}
