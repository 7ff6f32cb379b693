namespace IsolatedAgents.Egress.Models;

/// <summary>Reads an answer as it passes.</summary>
internal interface IAnswerScanner
{
    void Scan(ReadOnlySpan<byte> bytes);
}
