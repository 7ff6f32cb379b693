namespace IsolatedAgents.Text.Masking;

/// <summary>
/// Finds secrets that come in short pieces, each on a line of its own: what continues the lines before it within one secret is masked once
/// all of them are half of it. The first pieces, which chance makes too, have then been shown. For one stream, and one thread at a time.
/// </summary>
/// <param name="forms">Secrets, and what they become in the usual encodings.</param>
internal sealed class BrokenSecrets(string[] forms)
{
    private string _pieces = "";

    /// <summary>The line, or what stands in place of it.</summary>
    /// <param name="line">Without secrets of its own.</param>
    public string Mask(string line)
    {
        ReadOnlySpan<char> piece = line.AsSpan().Trim();
        if (piece.IsEmpty || forms.Length == 0)
        {
            return line;
        }

        string joined = string.Concat(_pieces, piece);
        if (_pieces.Length > 0 && Holder(joined) is { } holder)
        {
            _pieces = joined;
            return joined.Length * 2 >= holder.Length ? SecretMasker.Replacement : line;
        }

        _pieces = Holder(piece) is null ? "" : piece.ToString();
        return line;
    }

    /// <summary>The shortest secret that holds these pieces; null where none does.</summary>
    private string? Holder(ReadOnlySpan<char> pieces)
    {
        string? shortest = null;
        foreach (string form in forms)
        {
            if (
                pieces.Length <= form.Length
                && (shortest is null || form.Length < shortest.Length)
                && form.AsSpan().Contains(pieces, StringComparison.Ordinal)
            )
            {
                shortest = form;
            }
        }

        return shortest;
    }
}
