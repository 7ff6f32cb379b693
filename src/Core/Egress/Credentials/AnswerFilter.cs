using System.Buffers;
using System.Text;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>
/// Puts placeholders in place of secrets in one stream of an answer. What cannot be the beginning of a secret is passed on at once, so that
/// a stream stays live.
/// </summary>
internal sealed class AnswerFilter(SecretForms forms)
{
    private readonly ArrayBufferWriter<byte> _held = new(64);
    private bool[]? _rest;

    /// <summary>Whether a secret was found so far.</summary>
    public bool HasFound { get; private set; }

    /// <summary>Takes the next bytes of the stream, and gives what may go on.</summary>
    public void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        if (_held.WrittenCount == 0)
        {
            Take(bytes, isAll: false, output);
            return;
        }

        _held.Write(bytes);
        byte[] joined = _held.WrittenSpan.ToArray();
        _held.ResetWrittenCount();
        Take(joined, isAll: false, output);
    }

    /// <summary>Nothing follows: what was held back is no secret, or part of none.</summary>
    public void Complete(IBufferWriter<byte> output)
    {
        byte[] last = _held.WrittenSpan.ToArray();
        _held.ResetWrittenCount();
        Take(last, isAll: true, output);
        _rest = null;
    }

    /// <summary>A short text as a whole.</summary>
    public string Replace(string text)
    {
        ArrayBufferWriter<byte> output = new(text.Length + 1);
        Write(Encoding.Latin1.GetBytes(text), output);
        Complete(output);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    private void Take(ReadOnlySpan<byte> text, bool isAll, IBufferWriter<byte> output)
    {
        int passed = 0;
        int at = 0;
        while (at < text.Length)
        {
            if (_rest is not null)
            {
                // The last bits of a secret in Base64 share a character with what follows.
                passed = at += _rest[text[at]] ? 1 : 0;
                _rest = null;
                continue;
            }

            int next = text[at..].IndexOfAny(forms.Starts);
            if (next < 0)
            {
                break;
            }

            at += next;
            int length = forms.Match(text[at..], isAll, out SecretForm? found);
            if (length < 0)
            {
                output.Write(text[passed..at]);
                _held.Write(text[at..]);
                return;
            }

            if (found is null)
            {
                at++;
                continue;
            }

            output.Write(text[passed..at]);
            output.Write(found.Placeholder);
            HasFound = true;
            _rest = found.Rest;
            passed = at += length;
        }

        output.Write(text[passed..]);
    }
}
