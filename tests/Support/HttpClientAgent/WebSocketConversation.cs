using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace IsolatedAgents.HttpClientAgent;

/// <summary>Talks over a WebSocket, and prints what came of it.</summary>
internal static class WebSocketConversation
{
    private const int Large = 1_000_000;

    public static async Task RunAsync(Uri address)
    {
        using ClientWebSocket socket = new();
        socket.Options.AddSubProtocol("chat");
        socket.Options.SetRequestHeader("Authorization", $"Bearer {Environment.GetEnvironmentVariable("API_KEY")}");
        socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        socket.Options.CollectHttpResponseDetails = true;
        try
        {
            await socket.ConnectAsync(address, CancellationToken.None);
            Console.WriteLine($"ws connected {socket.SubProtocol}");
            await SendAsync(socket, "hello");
            Console.WriteLine($"ws said {Encoding.UTF8.GetString(await ReceiveAsync(socket))}");
            if (address.AbsolutePath.EndsWith("leak", StringComparison.Ordinal))
            {
                await SendAsync(socket, $"key={Environment.GetEnvironmentVariable("API_KEY")}");
            }
            else
            {
                byte[] large = RandomNumberGenerator.GetBytes(Large);
                await socket.SendAsync(
                    large.AsMemory(0, Large / 2),
                    WebSocketMessageType.Binary,
                    endOfMessage: false,
                    CancellationToken.None
                );
                await socket.SendAsync(large.AsMemory(Large / 2), WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
                byte[] echo = await ReceiveAsync(socket);
                Console.WriteLine($"ws large {echo.AsSpan().SequenceEqual(large)}");
                await socket.CloseOutputAsync((WebSocketCloseStatus)4321, "bye", CancellationToken.None);
            }

            await ReceiveAsync(socket);
            Console.WriteLine($"ws closed {(int?)socket.CloseStatus} {socket.CloseStatusDescription}");
        }
        catch (WebSocketException failure)
        {
            Console.WriteLine($"ws {failure.WebSocketErrorCode} {(int)socket.HttpStatusCode}");
        }
    }

    private static async Task SendAsync(ClientWebSocket socket, string text) =>
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket socket)
    {
        using MemoryStream message = new();
        byte[] buffer = new byte[10_000];
        WebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer, CancellationToken.None);
            message.Write(buffer, 0, part.Count);
        } while (!part.EndOfMessage);
        return message.ToArray();
    }
}
