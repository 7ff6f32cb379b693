namespace IsolatedAgents.Egress.FirstBytes;

/// <summary>The protocol that the first bytes of a connection show.</summary>
internal enum FirstBytesKind
{
    /// <summary>Too few to tell.</summary>
    Undecided,

    /// <summary>A TLS record that can hold a ClientHello.</summary>
    Tls,

    /// <summary>Something that a server may take for an HTTP request, also a wrong one.</summary>
    Http,

    /// <summary>Neither.</summary>
    Other,
}
