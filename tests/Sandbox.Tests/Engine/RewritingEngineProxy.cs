using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace IsolatedAgents.Sandbox.Tests.Engine;

/// <summary>
/// An engine that silently does something else than it was asked: stands between the code under test and the real engine, changes what is
/// asked for when a container is created, and passes all else on as it comes, the attached stream included.
/// </summary>
internal sealed class RewritingEngineProxy : IDisposable
{
    // The client under test ends some lines of a head with a lone LF.
    private static readonly byte[] EndOfHead = "\n\r\n"u8.ToArray();

    private static readonly byte[] Failure =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"message\":\"disk is full.\"}"u8.ToArray();

    private readonly string _engineSocket;
    private readonly Action<JsonObject> _rewrite;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _closing = new();
    private readonly List<Socket> _sockets = [];
    private readonly Lock _lock = new();

    /// <summary>Listens on a socket in a folder.</summary>
    /// <param name="folder">Where the socket is made.</param>
    /// <param name="engineSocket">Where the real engine listens.</param>
    /// <param name="rewrite">Changes the body of the request that creates a container.</param>
    public RewritingEngineProxy(string folder, string engineSocket, Action<JsonObject> rewrite)
    {
        _engineSocket = engineSocket;
        _rewrite = rewrite;
        string path = Path.Combine(folder, "proxy.sock");
        Address = $"unix://{path}";
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>What <c>DOCKER_HOST</c> is to be.</summary>
    public string Address { get; }

    /// <summary>Answers requests whose first line holds this text with the status 500 instead of passing them on.</summary>
    public string? Failing { get; init; }

    /// <summary>Completes when a container's creation has been asked for, before it is passed on.</summary>
    public TaskCompletionSource CreateAsked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What a container's creation waits for before it is passed on.</summary>
    public Task CreateGate { get; init; } = Task.CompletedTask;

    /// <summary>Completes when a container's start has been asked for, before it is passed on.</summary>
    public TaskCompletionSource StartAsked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What a container's start waits for before it is passed on.</summary>
    public Task StartGate { get; init; } = Task.CompletedTask;

    /// <summary>Cuts every connection, as an engine that is restarted does.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _sockets.ForEach(socket => socket.Dispose());
            _sockets.Clear();
        }
    }

    public void Dispose()
    {
        _closing.Cancel();
        _listener.Dispose();
        Cut();
        _closing.Dispose();
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
        Socket engine = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        lock (_lock)
        {
            _sockets.AddRange([client, engine]);
        }

        try
        {
            await engine.ConnectAsync(new UnixDomainSocketEndPoint(_engineSocket));
            Task answers = SpliceAsync(engine, client);
            await PassRequestsAsync(client, engine);
            await answers;
        }
        catch (Exception end) when (end is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side has gone; the other one learns it below.
        }
        finally
        {
            client.Dispose();
            engine.Dispose();
        }
    }

    // Heads of requests are looked at; bodies whose length is not told, and what follows an upgrade, are passed on to the end of the
    // connection.
    private async Task PassRequestsAsync(Socket client, Socket engine)
    {
        using NetworkStream requests = new(client);
        MemoryStream received = new();
        while (true)
        {
            int end;
            while ((end = received.GetBuffer().AsSpan(0, (int)received.Length).IndexOf(EndOfHead)) < 0)
            {
                if (!await ReceiveAsync(requests, received))
                {
                    engine.Shutdown(SocketShutdown.Send);
                    return;
                }
            }

            int headLength = end + EndOfHead.Length;
            string head = Encoding.ASCII.GetString(received.GetBuffer(), 0, headLength);
            string firstLine = head[..head.IndexOf('\r', StringComparison.Ordinal)];
            bool isFailing = Failing is not null && firstLine.Contains(Failing, StringComparison.Ordinal);
            if (firstLine.Contains("/start ", StringComparison.Ordinal))
            {
                StartAsked.TrySetResult();
                await StartGate;
            }

            if (
                !isFailing
                && (head.Contains("\nUpgrade:", StringComparison.OrdinalIgnoreCase) || head.Contains("/attach?", StringComparison.Ordinal))
            )
            {
                await SendAsync(engine, received.ToArray());
                await SpliceAsync(client, engine);
                return;
            }

            bool isChunked = head.Contains("\nTransfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase);
            int bodyLength = isChunked ? -1 : ContentLength(head);
            while (isChunked ? !EndsChunks(received, headLength) : received.Length < headLength + bodyLength)
            {
                if (!await ReceiveAsync(requests, received))
                {
                    return;
                }
            }

            if (isFailing)
            {
                // Once all is taken: who still sends would see the connection break, and not the answer.
                await client.SendAsync(Failure);
                client.Shutdown(SocketShutdown.Both);
                return;
            }

            byte[] all = received.ToArray();
            int total = isChunked ? all.Length : headLength + bodyLength;
            if (firstLine.Contains("/containers/create", StringComparison.Ordinal))
            {
                byte[] body = isChunked ? Unchunked(all.AsSpan(headLength)) : all[headLength..total];
                await SendAsync(engine, await RewriteAsync(head, body));
            }
            else
            {
                await SendAsync(engine, all.AsMemory(0, total));
            }

            received = new MemoryStream();
            received.Write(all.AsSpan(total));
        }
    }

    private async Task<byte[]> RewriteAsync(string head, byte[] body)
    {
        CreateAsked.TrySetResult();
        await CreateGate;
        JsonObject settings = JsonNode.Parse(body)!.AsObject();
        _rewrite(settings);
        byte[] rewritten = Encoding.UTF8.GetBytes(settings.ToJsonString());
        IEnumerable<string> lines = head.TrimEnd()
            .Split('\n', StringSplitOptions.TrimEntries)
            .Where(line =>
                !line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)
                && !line.StartsWith("Transfer-Encoding:", StringComparison.OrdinalIgnoreCase)
            );
        return [.. Encoding.ASCII.GetBytes($"{string.Join("\r\n", lines)}\r\nContent-Length: {rewritten.Length}\r\n\r\n"), .. rewritten];
    }

    private static int ContentLength(string head)
    {
        const string Name = "\nContent-Length:";
        int start = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return 0;
        }

        start += Name.Length;
        return int.Parse(head[start..head.IndexOf('\n', start)].Trim(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static bool EndsChunks(MemoryStream received, int bodyStart) =>
        received.GetBuffer().AsSpan(bodyStart, (int)received.Length - bodyStart).EndsWith("0\r\n\r\n"u8);

    private static byte[] Unchunked(ReadOnlySpan<byte> chunks)
    {
        List<byte> body = [];
        while (true)
        {
            int line = chunks.IndexOf("\r\n"u8);
            int length = int.Parse(
                Encoding.ASCII.GetString(chunks[..line]),
                System.Globalization.NumberStyles.HexNumber,
                System.Globalization.CultureInfo.InvariantCulture
            );
            if (length == 0)
            {
                return [.. body];
            }

            body.AddRange(chunks.Slice(line + 2, length));
            chunks = chunks[(line + 2 + length + 2)..];
        }
    }

    private static async Task<bool> ReceiveAsync(NetworkStream from, MemoryStream to)
    {
        byte[] buffer = new byte[16 * 1024];
        int count = await from.ReadAsync(buffer);
        to.Write(buffer, 0, count);
        return count > 0;
    }

    private static async Task SpliceAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = await from.ReceiveAsync(buffer)) > 0)
        {
            await SendAsync(to, buffer.AsMemory(0, count));
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes)..];
        }
    }
}
