using System.Buffers;
using System.Text;
using IsolatedAgents.Egress.Credentials;

namespace IsolatedAgents.Fuzzing;

/// <summary>
/// Answers are searched for credentials: the same however they come, nothing else is changed, and the secret is not in what goes on.
/// </summary>
internal static class AnswerTarget
{
    private const string Secret = "sk-1/\\%&+";

    private static readonly SecretForms Forms = new([(Secret, "<placeholder>"), ("sk-1", "<other>")]);

    public static void Run(byte[] input)
    {
        byte[] whole = Filter([input], out bool hasFound);
        byte[] pieces = Filter(input.Select(value => new[] { value }), out bool hasFoundInPieces);
        FuzzTarget.Require(
            whole.AsSpan().SequenceEqual(pieces) && hasFound == hasFoundInPieces,
            "An answer reads differently when it comes in pieces."
        );
        FuzzTarget.Require(hasFound || whole.AsSpan().SequenceEqual(input), "An answer without a secret is changed.");
        FuzzTarget.Require(whole.AsSpan().IndexOf("sk-1"u8) < 0 || hasFound, "A secret passes.");
        Filter(
            [
                [.. input, .. Encoding.ASCII.GetBytes(" " + Secret)],
            ],
            out bool isFound
        );
        FuzzTarget.Require(isFound, "A secret passes behind other text.");
    }

    private static byte[] Filter(IEnumerable<byte[]> pieces, out bool hasFound)
    {
        AnswerFilter filter = new(Forms);
        ArrayBufferWriter<byte> output = new();
        foreach (byte[] piece in pieces)
        {
            filter.Write(piece, output);
        }

        filter.Complete(output);
        hasFound = filter.HasFound;
        return output.WrittenSpan.ToArray();
    }
}
