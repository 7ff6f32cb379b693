using IsolatedAgents.Egress.Relaying;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>Finds placeholders in a stream, also where two pieces of it meet.</summary>
internal sealed class PlaceholderGuard(byte[] mark) : IByteGuard
{
    // The end of what has passed and the beginning of what comes next.
    private readonly byte[] _seam = new byte[2 * (mark.Length - 1)];
    private int _kept;

    public void Check(ReadOnlySpan<byte> bytes)
    {
        int joined = Math.Min(bytes.Length, mark.Length - 1);
        bytes[..joined].CopyTo(_seam.AsSpan(_kept));
        if (bytes.IndexOf(mark) >= 0 || _seam.AsSpan(0, _kept + joined).IndexOf(mark) >= 0)
        {
            throw EgressCredentials.Refusal("where it is no credential");
        }

        int keep = mark.Length - 1;
        if (bytes.Length >= keep)
        {
            bytes[^keep..].CopyTo(_seam);
            _kept = keep;
            return;
        }

        int total = _kept + joined;
        int kept = Math.Min(keep, total);
        _seam.AsSpan(total - kept, kept).CopyTo(_seam);
        _kept = kept;
    }
}
