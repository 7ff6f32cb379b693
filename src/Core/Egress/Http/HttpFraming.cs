namespace IsolatedAgents.Egress.Http;

/// <summary>How the end of a message's body is found.</summary>
internal enum HttpFramingKind
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>After a number of bytes.</summary>
    Length,

    /// <summary>After the last chunk.</summary>
    Chunked,

    /// <summary>At the end of the connection.</summary>
    UntilClose,
}

/// <summary>How a message's body is delimited.</summary>
/// <param name="Kind">In which way.</param>
/// <param name="Length">Bytes, with <see cref="HttpFramingKind.Length"/>.</param>
internal readonly record struct HttpFraming(HttpFramingKind Kind, long Length = 0);
