using System.Buffers;
using System.Net.Sockets;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Relaying;

/// <summary>Carries one way of a connection: bytes as they come, no faster than they are taken, and the end as the end.</summary>
internal static class Pump
{
    // Most connections carry little; those that fill the small buffer get the large one, which halves the calls for a gigabyte.
    private const int SmallBuffer = 16 * 1024;
    private const int LargeBuffer = 256 * 1024;

    /// <summary>From the agent to the server. What the scanner finds is never passed on.</summary>
    /// <param name="connection">Counts.</param>
    /// <param name="agent">Where bytes come from.</param>
    /// <param name="server">Where they go.</param>
    /// <param name="guard">The scanner; null for none.</param>
    /// <param name="isRaw">Whether urgent bytes are passed on as such. What was held to be looked at goes in line.</param>
    /// <exception cref="EgressRefusedException">A limit was passed, or the scanner found something.</exception>
    public static async Task ToServerAsync(
        EgressConnection connection,
        BufferedReader agent,
        DuplexStream server,
        IByteGuard? guard,
        bool isRaw = false
    )
    {
        await SendHeldAsync().ConfigureAwait(false);
        if (agent.IsFilling)
        {
            await agent.FillAsync().ConfigureAwait(false);
            await SendHeldAsync().ConfigureAwait(false);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(SmallBuffer);
        while (!agent.IsEnded)
        {
            (int read, bool isUrgent) = await ReadAsync(agent.Stream, buffer, isRaw).ConfigureAwait(false);
            if (read == 0)
            {
                break;
            }

            connection.CountSent(read);
            guard?.Check(buffer.AsSpan(0, read));
            await WriteAsync(server, buffer.AsMemory(0, read), isUrgent).ConfigureAwait(false);
            buffer = Grown(buffer, read);
        }

        // Not in a finally: what a failed read may still write to is left to the collector.
        ArrayPool<byte>.Shared.Return(buffer);
        await server.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);

        async ValueTask SendHeldAsync()
        {
            ReadOnlyMemory<byte> bytes = agent.Available;
            if (!bytes.IsEmpty)
            {
                connection.CountSent(bytes.Length);
                guard?.Check(bytes.Span);
                await server.WriteAsync(bytes).ConfigureAwait(false);
                agent.Consume(bytes.Length);
            }
        }
    }

    /// <summary>From the server to the agent.</summary>
    /// <param name="connection">Counts.</param>
    /// <param name="server">Where bytes come from.</param>
    /// <param name="agent">Where they go.</param>
    /// <param name="isRaw">Whether urgent bytes are passed on as such.</param>
    public static async Task ToAgentAsync(EgressConnection connection, BufferedReader server, DuplexStream agent, bool isRaw = false)
    {
        await PassHeldAsync().ConfigureAwait(false);
        if (server.IsFilling)
        {
            await server.FillAsync().ConfigureAwait(false);
            await PassHeldAsync().ConfigureAwait(false);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(SmallBuffer);
        while (!server.IsEnded)
        {
            (int read, bool isUrgent) = await ReadAsync(server.Stream, buffer, isRaw).ConfigureAwait(false);
            if (read == 0)
            {
                break;
            }

            connection.CountReceived(read);
            await WriteAsync(agent, buffer.AsMemory(0, read), isUrgent).ConfigureAwait(false);
            buffer = Grown(buffer, read);
        }

        ArrayPool<byte>.Shared.Return(buffer);
        await agent.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);

        async ValueTask PassHeldAsync()
        {
            ReadOnlyMemory<byte> bytes = server.Available;
            if (!bytes.IsEmpty)
            {
                connection.CountReceived(bytes.Length);
                await agent.WriteAsync(bytes).ConfigureAwait(false);
                server.Consume(bytes.Length);
            }
        }
    }

    /// <summary>Runs both ways to their ends. What ends one uncleanly resets both.</summary>
    /// <exception cref="EgressRefusedException">Either way was refused.</exception>
    public static async Task BothAsync(EgressConnection connection, Task toServer, Task toAgent)
    {
        Task first = await Task.WhenAny(toServer, toAgent).ConfigureAwait(false);
        if (!first.IsCompletedSuccessfully)
        {
            connection.Abort();
        }

        Task second = first == toServer ? toAgent : toServer;
        try
        {
            await first.ConfigureAwait(false);
            await second.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The other way still uses buffers and streams: nobody may go on before it has ended.
            connection.Abort();
            await second.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (exception is not (SocketException or IOException or ObjectDisposedException))
            {
                throw;
            }

            if (Refusal(first) is null && Refusal(second) is { } refusal)
            {
                throw refusal;
            }
        }
    }

    private static async ValueTask<(int Count, bool IsUrgent)> ReadAsync(DuplexStream stream, Memory<byte> buffer, bool isRaw) =>
        isRaw ? await stream.ReadMarkedAsync(buffer).ConfigureAwait(false) : (await stream.ReadAsync(buffer).ConfigureAwait(false), false);

    private static ValueTask WriteAsync(DuplexStream stream, ReadOnlyMemory<byte> bytes, bool isUrgent) =>
        isUrgent ? stream.WriteUrgentAsync(bytes) : stream.WriteAsync(bytes);

    private static EgressRefusedException? Refusal(Task task) => task.Exception?.InnerException as EgressRefusedException;

    private static byte[] Grown(byte[] buffer, int read)
    {
        if (read < buffer.Length || buffer.Length >= LargeBuffer)
        {
            return buffer;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return ArrayPool<byte>.Shared.Rent(LargeBuffer);
    }
}
