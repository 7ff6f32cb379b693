using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>Connects to the first of several addresses that answers (RFC 8305).</summary>
/// <param name="timeout">For each attempt.</param>
/// <param name="loop">Waits for the sockets of callers that are in its thread; null where none is.</param>
internal sealed class HappyEyeballs(TimeSpan timeout, ReadinessLoop? loop)
{
    /// <summary>How long an attempt has before the next begins beside it.</summary>
    private static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest wait for one address.</summary>
    public TimeSpan Timeout => timeout;

    /// <summary>The loop whose thread callers may be in; null where none is.</summary>
    public ReadinessLoop? Loop => loop;

    /// <param name="addresses">In the order of preference; at least one.</param>
    /// <param name="port">TCP port.</param>
    /// <param name="cancellationToken">Ends all attempts.</param>
    /// <exception cref="UnreachableException">None answered.</exception>
    public ValueTask<Socket> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken) =>
        addresses.Length == 1 ? ConnectOneAsync(addresses[0], port, cancellationToken) : RaceAsync(addresses, port, cancellationToken);

    private async ValueTask<Socket> RaceAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        using CancellationTokenSource race = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task<Socket>> attempts = new(addresses.Length);
        UnreachableException? failure = null;
        int next = 0;
        try
        {
            while (next < addresses.Length || attempts.Count > 0)
            {
                Task? stagger = null;
                if (next < addresses.Length)
                {
                    attempts.Add(ConnectOneAsync(addresses[next++], port, race.Token).AsTask());
                    stagger = next < addresses.Length ? Task.Delay(Stagger, race.Token) : null;
                }

                Task finished = await Task.WhenAny(stagger is null ? attempts : [.. attempts, stagger]).ConfigureAwait(false);
                if (finished is not Task<Socket> attempt)
                {
                    continue;
                }

                attempts.Remove(attempt);
                try
                {
                    return await attempt.ConfigureAwait(false);
                }
                catch (UnreachableException exception)
                {
                    failure ??= exception;
                }
            }
        }
        finally
        {
            await race.CancelAsync().ConfigureAwait(false);
            foreach (Task<Socket> loser in attempts)
            {
                _ = loser.ContinueWith(
                    static done => DisposeLoser(done),
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default
                );
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        throw failure ?? new UnreachableException("No address answered");
    }

    private static void DisposeLoser(Task<Socket> attempt)
    {
        if (attempt.IsCompletedSuccessfully)
        {
            attempt.Result.Dispose();
        }
        else
        {
            _ = attempt.Exception;
        }
    }

    private async ValueTask<Socket> ConnectOneAsync(IPAddress address, int port, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            // Not outside: a host without IPv6 has no such sockets.
            socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            // Urgent bytes keep their place, and are passed on as such.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.OutOfBandInline, true);
            await ConnectAsync(socket, new IPEndPoint(address, port), limit.Token).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw new UnreachableException($"{address} does not answer ({exception.SocketErrorCode})", exception);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket?.Dispose();
            throw new UnreachableException($"{address} does not answer within {timeout.TotalSeconds:0.#} seconds");
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    private ValueTask ConnectAsync(Socket socket, IPEndPoint endpoint, CancellationToken cancellationToken) =>
        loop is { IsCurrent: true }
            ? LoopConnection.OpenAsync(loop, socket, endpoint, cancellationToken)
            : socket.ConnectAsync(endpoint, cancellationToken);
}
