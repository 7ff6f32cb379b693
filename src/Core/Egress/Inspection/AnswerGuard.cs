using System.Buffers;
using System.IO.Compression;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Egress.Inspection.Requests;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>
/// Searches one answer for the credentials that its request carried, puts placeholders in their place, and tells it once for each part of
/// the answer.
/// </summary>
/// <param name="credentials">The run's.</param>
/// <param name="target">Gets one or more of them.</param>
/// <param name="request">Is answered.</param>
/// <param name="sink">Is told.</param>
internal sealed class AnswerGuard(EgressCredentials credentials, EgressTarget target, HttpRequestMessage request, IEgressSink sink)
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private AnswerFilter _stream = credentials.NewFilter(target)!;

    /// <summary>Null where the target gets no credential: then there is nothing to search for.</summary>
    public static AnswerGuard? For(EgressCredentials? credentials, EgressTarget target, HttpRequestMessage request, IEgressSink sink) =>
        credentials?.For(target).Count > 0 ? new AnswerGuard(credentials, target, request, sink) : null;

    /// <summary>A status line, a header's name or value.</summary>
    /// <param name="text">As the server sent it.</param>
    /// <param name="part">Where it stands, for a person.</param>
    public async ValueTask<string> TextAsync(string text, string part)
    {
        AnswerFilter filter = credentials.NewFilter(target)!;
        string replaced = filter.Replace(text);
        await TellAsync(filter, part).ConfigureAwait(false);
        return replaced;
    }

    /// <summary>The next bytes of the body, or of a message; what is given holds until the next call.</summary>
    /// <param name="bytes">As the server sent them.</param>
    /// <param name="isEnd">Whether the body or message ends with them.</param>
    /// <param name="part">Where they stand, for a person.</param>
    public async ValueTask<ReadOnlyMemory<byte>> BytesAsync(ReadOnlyMemory<byte> bytes, bool isEnd, string part)
    {
        _output.ResetWrittenCount();
        _stream.Write(bytes.Span, _output);
        if (isEnd)
        {
            _stream.Complete(_output);
        }

        await TellAsync(_stream, part).ConfigureAwait(false);
        if (isEnd)
        {
            _stream = credentials.NewFilter(target)!;
        }

        return _output.WrittenMemory;
    }

    /// <summary>The body as it reads without its compression.</summary>
    /// <param name="body">As the server sent it.</param>
    /// <param name="encodings">The names of its compressions, in the order in which they were applied.</param>
    /// <exception cref="EgressRefusedException">It is compressed in a way that cannot be opened.</exception>
    public static Stream Open(Stream body, IEnumerable<string> encodings) =>
        encodings
            .Reverse()
            .Aggregate(body, (inner, encoding) => encoding.ToLowerInvariant() switch
                {
                    "" or "identity" => inner,
                    "gzip" or "x-gzip" => new GZipStream(inner, CompressionMode.Decompress),
                    "deflate" => new ZLibStream(inner, CompressionMode.Decompress),
                    "br" => new BrotliStream(inner, CompressionMode.Decompress),
                    _ => throw new EgressRefusedException(
                        $"The server's answer is compressed by '{RequestAllowance.Short(encoding)}', so that it cannot be searched for the credential of its endpoint",
                        EgressCredentials.Key
                    ),
                });

    private async ValueTask TellAsync(AnswerFilter filter, string part)
    {
        if (filter.HasFound && _told.Add(part))
        {
            string name = $"{request.Method.Method} {RequestAllowance.Short(InspectedRequestRules.Path(request.RequestUri!))}";
            string reason = $"The answer to '{name}' held a credential in its {part}; the agent got the placeholder in its place";
            await sink.BlockedAsync(target, reason, EgressCredentials.Key).ConfigureAwait(false);
        }
    }
}
