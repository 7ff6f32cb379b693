namespace IsolatedAgents.Egress.Relaying;

/// <summary>Looks at what is about to leave.</summary>
internal interface IByteGuard
{
    /// <exception cref="EgressRefusedException">These bytes, with those before them, must not be passed on.</exception>
    void Check(ReadOnlySpan<byte> bytes);
}
