using IsolatedAgents.Egress;
using IsolatedAgents.Egress.FirstBytes;
using IsolatedAgents.Egress.Http;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Fuzzing;

/// <summary>
/// What an agent sends first, and what servers answer: taken or refused, never both, and the same however often it is looked at.
/// </summary>
internal static class EgressTargets
{
    private static readonly EgressTarget Target = new("a.test", 80);

    public static void ClientHelloBytes(byte[] input)
    {
        ClientHello whole = ClientHello.Read(input);
        FuzzTarget.Require(
            whole.ServerName is null || whole.State == ClientHelloState.Complete,
            "A hello that is not complete has a name."
        );
        FuzzTarget.Require(
            whole.ServerName is null
                || whole.ServerName.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-' or '_'),
            "A name holds what no name holds."
        );
        ClientHello more = ClientHello.Read([.. input, 0, 1, 2, 3]);
        FuzzTarget.Require(whole.State == ClientHelloState.Incomplete || more == whole, "What comes behind a hello changes it.");
        FirstBytesKind kind = FirstBytesRules.Classify(input, isAll: true);
        FuzzTarget.Require(kind != FirstBytesKind.Undecided, "All is there, and it is still not clear what it is.");
    }

    public static void Http(byte[] input)
    {
        int end = input.AsSpan().IndexOf("\r\n\r\n"u8);
        int head = end < 0 ? input.Length : end + 4;
        try
        {
            RequestHead parsed = RequestHead.Parse(input.AsSpan(0, head), Target);
            RequestHead again = RequestHead.Parse(parsed.Forwarded.Span, Target);
            FuzzTarget.Require(
                again.Forwarded.Span.SequenceEqual(parsed.Forwarded.Span)
                    && (again.Method, again.Path, again.Body) == (parsed.Method, parsed.Path, parsed.Body),
                "What is passed on is not what was judged."
            );
            FuzzTarget.Require(FirstBytesRules.Classify(input, isAll: true) is FirstBytesKind.Http, "A request is not taken for one.");
        }
        catch (EgressRefusedException)
        {
            // One of the two ways it may go.
        }

        _ = ResponseHead.Parse(input.AsSpan(0, head), "GET");
        Chunks(input[head..]);
    }

    private static void Chunks(byte[] body)
    {
        ChunkedBody whole = new();
        bool isSound = whole.TryTake(body, out int taken);
        ChunkedBody pieces = new();
        int total = 0;
        bool isSame = true;
        for (int i = 0; i < body.Length && isSame && !pieces.IsDone; i++)
        {
            isSame = pieces.TryTake(body.AsSpan(i, 1), out int part);
            total += part;
        }

        FuzzTarget.Require(
            isSound == isSame && (!isSound || (taken == total && whole.IsDone == pieces.IsDone)),
            "A body ends elsewhere when it comes in pieces."
        );
    }
}
