using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Sandbox.Tests.Engine;

namespace IsolatedAgents.Sandbox.Tests.Faults;

/// <summary>How bytes flow through an <see cref="EngineShim"/>.</summary>
/// <param name="Delay">Before each answer begins.</param>
/// <param name="SliceLength">The most bytes that are passed on at once.</param>
/// <param name="BytesPerSecond">How fast; 0 for as fast as they come.</param>
internal sealed record EngineFlow(TimeSpan Delay = default, int SliceLength = 64 * 1024, int BytesPerSecond = 0);

/// <summary>
/// An engine that is slow, cuts its streams or answers something else: stands between the code under test and the real engine. Each
/// connection carries what it carried; requests are only looked at to know which one an answer belongs to.
/// </summary>
internal sealed class EngineShim : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _closing = new();

    /// <summary>Listens on a socket in a folder.</summary>
    public EngineShim(string folder)
    {
        string path = Path.Combine(folder, "shim.sock");
        Address = $"unix://{path}";
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>What <c>DOCKER_HOST</c> is to be.</summary>
    public string Address { get; }

    /// <summary>How answers and attached streams flow.</summary>
    public EngineFlow Flow { get; init; } = new();

    /// <summary>
    /// After how many bytes of an attached stream, its head not counted, the connection is cut; none where it is negative.
    /// </summary>
    public int CutAttachedAfter { get; init; } = -1;

    /// <summary>Gives what is answered in place of the engine to a request, by its first line; null where the engine answers.</summary>
    public Func<string, byte[]?> Answer { get; init; } = _ => null;

    /// <summary>What a request, by its first line, waits for before it is passed on.</summary>
    public Func<string, Task> Gate { get; init; } = _ => Task.CompletedTask;

    public void Dispose()
    {
        _closing.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_closing.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using Socket both = client;
        using Socket engine = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        try
        {
            await engine.ConnectAsync(new UnixDomainSocketEndPoint(EngineCli.DockerSocket), over.Token);
            TaskCompletionSource<string> request = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task requests = PassRequestsAsync(client, engine, request, over.Token);
            Task answers = PassAnswersAsync(engine, client, request.Task, over.Token);
            await Task.WhenAny(Task.WhenAll(requests, answers), WhenFailedAsync(requests), WhenFailedAsync(answers));
        }
        catch (Exception end) when (end is SocketException or OperationCanceledException)
        {
            // No engine, or the test is over.
        }
        finally
        {
            await over.CancelAsync();
        }
    }

    private static async Task WhenFailedAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!task.IsFaulted && !task.IsCanceled)
        {
            await Task.Delay(Timeout.Infinite);
        }
    }

    private async Task PassRequestsAsync(
        Socket client,
        Socket engine,
        TaskCompletionSource<string> request,
        CancellationToken cancellationToken
    )
    {
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = await client.ReceiveAsync(buffer, cancellationToken)) > 0)
        {
            string line = FirstLine(buffer.AsSpan(0, count));
            if (IsRequest(line))
            {
                request.TrySetResult(line);
                await Gate(line).WaitAsync(cancellationToken);
                if (Answer(line) is { } answer)
                {
                    await SendAsync(client, answer, cancellationToken);
                    client.Shutdown(SocketShutdown.Both);
                    throw new OperationCanceledException();
                }
            }

            await SendAsync(engine, buffer.AsMemory(0, count), cancellationToken);
        }

        engine.Shutdown(SocketShutdown.Send);
    }

    private async Task PassAnswersAsync(Socket engine, Socket client, Task<string> request, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[Flow.SliceLength];
        int count = await engine.ReceiveAsync(buffer, cancellationToken);
        bool isAttached = (await request).Contains("/attach?", StringComparison.Ordinal);
        await Task.Delay(Flow.Delay, cancellationToken);
        long passed = isAttached && CutAttachedAfter >= 0 ? -await PassHeadAsync(engine, client, buffer, count, cancellationToken) : 0;
        if (passed < 0)
        {
            count = await engine.ReceiveAsync(
                buffer.AsMemory(0, Math.Max(1, Math.Min(buffer.Length, CutAttachedAfter))),
                cancellationToken
            );
            passed = 0;
        }

        while (count > 0)
        {
            if (isAttached && CutAttachedAfter >= 0 && passed + count >= CutAttachedAfter)
            {
                await SendAsync(client, buffer.AsMemory(0, (int)(CutAttachedAfter - passed)), cancellationToken);
                client.Shutdown(SocketShutdown.Both);
                throw new OperationCanceledException();
            }

            await SendAsync(client, buffer.AsMemory(0, count), cancellationToken);
            passed += count;
            if (Flow.BytesPerSecond > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds((double)count / Flow.BytesPerSecond), cancellationToken);
            }

            count = await engine.ReceiveAsync(buffer, cancellationToken);
        }

        client.Shutdown(SocketShutdown.Send);
    }

    // The engine's answer to an attach is a head of its own; what comes with it belongs to the stream and would blur where the cut is.
    private static async Task<long> PassHeadAsync(
        Socket engine,
        Socket client,
        byte[] buffer,
        int count,
        CancellationToken cancellationToken
    )
    {
        StringBuilder head = new();
        while (true)
        {
            await SendAsync(client, buffer.AsMemory(0, count), cancellationToken);
            head.Append(Encoding.ASCII.GetString(buffer, 0, count));
            if (head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            {
                return head.Length;
            }

            count = await engine.ReceiveAsync(buffer, cancellationToken);
        }
    }

    private static bool IsRequest(string line) => line.Contains(" HTTP/1.1", StringComparison.Ordinal);

    private static string FirstLine(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)'\r');
        return Encoding.ASCII.GetString(end < 0 ? [] : bytes[..end]);
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes, cancellationToken)..];
        }
    }
}
