using IsolatedAgents.Protocol;

namespace IsolatedAgents.Fuzzing;

/// <summary>
/// The stream between host and sandbox, from either end: refused by <see cref="ProtocolException"/> or understood, and the same however it
/// is cut into reads.
/// </summary>
internal static class FrameTargets
{
    /// <summary>Reads an input whole and in slices, of lengths that its own bytes choose.</summary>
    public static void Run(byte[] input, Func<FrameType, byte[], byte[]?> read)
    {
        (string whole, int wholeFrames) = Decode(input, read, _ => input.Length);
        (string sliced, int slicedFrames) = Decode(input, read, at => 1 + (input[at] % 23));
        FuzzTarget.Require(
            whole == sliced && wholeFrames == slicedFrames,
            $"Whole: {wholeFrames} frames, {whole}. In slices: {slicedFrames} frames, {sliced}."
        );
    }

    /// <summary>What the supervisor may say.</summary>
    public static byte[]? ReadAsHost(FrameType type, byte[] payload) =>
        type switch
        {
            FrameType.Hello => Hello.FromPayload(payload).ToPayload(),
            FrameType.SetupFailed => SetupFailure.FromPayload(payload).ToPayload(),
            FrameType.Started => Started.FromPayload(payload).ToPayload(),
            FrameType.Usage => ResourceUsage.FromPayload(payload).ToPayload(),
            FrameType.Exited => AgentExit.FromPayload(payload).ToPayload(),
            FrameType.OutputsFound => OutputsFound.FromPayload(payload).ToPayload(),
            FrameType.OutputRejected or FrameType.WorkspaceRejected => OutputRejection.FromPayload(payload).ToPayload(),
            FrameType.OutputFile or FrameType.WorkspaceFile => OutputFile.FromPayload(payload).ToPayload(),
            FrameType.WorkspaceFound => WorkspaceFound.FromPayload(payload).ToPayload(),
            FrameType.WorkspaceEntries => WorkspaceEntries.FromPayload(payload).ToPayload(),
            FrameType.EgressOpened => EgressOpened.FromPayload(payload).ToPayload(),
            FrameType.EgressSentEnd => EgressEnd.FromPayload(payload).ToPayload(),
            FrameType.EgressReplyWindow => EgressWindow.FromPayload(payload).ToPayload(),
            FrameType.EgressAnswer => EgressAnswer.FromPayload(payload).ToPayload(),
            _ => null,
        };

    /// <summary>What the host may say.</summary>
    public static byte[]? ReadAsSupervisor(FrameType type, byte[] payload) =>
        type switch
        {
            FrameType.Launch => LaunchSpec.FromPayload(payload).ToPayload(),
            FrameType.WorkspaceRequest => WorkspaceRequest.FromPayload(payload).ToPayload(),
            FrameType.Stop => StopRequest.FromPayload(payload).ToPayload(),
            FrameType.Credit => Credit.FromPayload(payload).ToPayload(),
            FrameType.EgressReplyEnd => EgressEnd.FromPayload(payload).ToPayload(),
            FrameType.EgressSentWindow => EgressWindow.FromPayload(payload).ToPayload(),
            FrameType.EgressQuestion => EgressQuestion.FromPayload(payload).ToPayload(),
            _ => null,
        };

    private static (string End, int Frames) Decode(byte[] input, Func<FrameType, byte[], byte[]?> read, Func<int, int> length)
    {
        FrameDecoder decoder = new();
        int frames = 0;
        try
        {
            for (int at = 0; at < input.Length; )
            {
                int count = Math.Min(length(at), input.Length - at);
                ReadOnlySpan<byte> received = input.AsSpan(at, count);
                while (decoder.TryRead(ref received, out FrameType type, out byte[] payload))
                {
                    FuzzTarget.Require(payload.Length <= Frame.MaxPayload(type), $"A {type} frame of {payload.Length} bytes came through.");
                    if (read(type, payload) is { } written)
                    {
                        byte[]? again = read(type, written);
                        FuzzTarget.Require(
                            again is not null && again.AsSpan().SequenceEqual(written),
                            $"A {type} message does not survive being written."
                        );
                    }

                    frames++;
                }

                at += count;
            }

            return ("open", frames);
        }
        catch (ProtocolException refused)
        {
            return (refused.Message, frames);
        }
    }
}
