using System.Diagnostics;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Sandbox.Connections;

/// <summary>
/// Whether a process of the sandbox still holds the agent's end of a connection. A FIN does not tell it: who has ended and who has only
/// said all, and waits for the answer, send the same. The supervisor can look, as both ends are in its network.
/// </summary>
/// <param name="send">Sends a frame to the supervisor.</param>
internal sealed class SocketHolders(Func<FrameType, byte[], CancellationToken, Task> send)
{
    // A socket is let go a moment after its FIN was sent; who holds it on may do so for long.
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // To look takes the supervisor a while where the sandbox has many sockets. One question at a time, and a rest after each that is longer
    // than it took, leaves it most of its time.
    private const int RestFactor = 4;
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(10);

    private readonly Lock _lock = new();
    private Task _turn = Task.CompletedTask;
    private TimeSpan _rest = ShortestRest;
    private TaskCompletionSource<bool>? _asked;
    private int _number;
    private bool _isEnded;

    /// <summary>
    /// Completes when nobody holds the agent's end of a connection. To be called once the agent has said that it sends nothing more.
    /// </summary>
    /// <param name="socket">The end's name (<see cref="SocketName"/>).</param>
    /// <param name="cancellationToken">Waits no longer.</param>
    public async Task WhenUnheldAsync(string socket, CancellationToken cancellationToken)
    {
        TimeSpan pause = FirstPause;
        while (await AskAsync(socket).WaitAsync(cancellationToken).ConfigureAwait(false))
        {
            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Takes a frame.</summary>
    /// <returns>False where it is no answer.</returns>
    /// <exception cref="ProtocolException">The supervisor broke the protocol.</exception>
    public bool TryTake(FrameType type, byte[] payload)
    {
        if (type != FrameType.EgressAnswer)
        {
            return false;
        }

        EgressAnswer answer = EgressAnswer.FromPayload(payload);
        lock (_lock)
        {
            if (_asked is null || answer.Number != _number)
            {
                throw new ProtocolException("An answer came that was not asked for.");
            }

            _asked.SetResult(answer.IsHeld);
            _asked = null;
        }

        return true;
    }

    /// <summary>The stream to the sandbox has ended: nobody is left there.</summary>
    public void End()
    {
        lock (_lock)
        {
            _isEnded = true;
            _asked?.SetResult(false);
            _asked = null;
        }
    }

    private Task<bool> AskAsync(string socket)
    {
        lock (_lock)
        {
            Task<bool> answer = AskAsync(socket, _turn);
            _turn = RestAfterAsync(answer);
            return answer;
        }
    }

    // Not to be cancelled: an answer is still to come.
    private async Task<bool> AskAsync(string socket, Task turn)
    {
        await turn.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        EgressQuestion question;
        Task<bool> answer;
        lock (_lock)
        {
            if (_isEnded)
            {
                return false;
            }

            _asked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            question = new EgressQuestion(++_number, socket);
            answer = _asked.Task;
        }

        long asked = Stopwatch.GetTimestamp();
        await send(FrameType.EgressQuestion, question.ToPayload(), CancellationToken.None).ConfigureAwait(false);
        bool isHeld = await answer.ConfigureAwait(false);
        TimeSpan took = Stopwatch.GetElapsedTime(asked);
        _rest = took * RestFactor > ShortestRest ? took * RestFactor : ShortestRest;
        return isHeld;
    }

    private async Task RestAfterAsync(Task answer)
    {
        await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(_rest).ConfigureAwait(false);
    }
}
