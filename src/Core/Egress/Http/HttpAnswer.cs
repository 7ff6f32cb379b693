using System.Net.Sockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Http;

/// <summary>
/// Answers an agent in place of a server: with the reason and the policy key, so that a reader of the agent's log can act.
/// </summary>
internal static class HttpAnswer
{
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    // The content type says what it is: quotes in a reason need no disguise.
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int DrainBytes = 1024 * 1024;

    /// <summary>The body of an answer: <c>{"error":…,"reason":…,"destination":…,"rule":…}</c>.</summary>
    public static byte[] Body(string error, EgressTarget target, string reason, string? rule)
    {
        using MemoryStream body = new();
        using (Utf8JsonWriter writer = new(body, Json))
        {
            writer.WriteStartObject();
            writer.WriteString("error"u8, error);
            writer.WriteString("reason"u8, reason);
            writer.WriteString("destination"u8, target.ToString());
            if (rule is not null)
            {
                writer.WriteString("rule"u8, rule);
            }

            writer.WriteEndObject();
        }

        body.WriteByte((byte)'\n');
        return body.ToArray();
    }

    public static Task RefuseAsync(DuplexStream agent, BufferedReader reader, EgressTarget target, EgressRefusedException refusal) =>
        WriteAsync(agent, reader, "403 Forbidden", Body("blocked by policy", target, refusal.Message, refusal.Rule));

    public static Task UnreachableAsync(DuplexStream agent, BufferedReader reader, EgressTarget target, string reason) =>
        WriteAsync(agent, reader, "502 Bad Gateway", Body("not reachable", target, reason, null));

    private static async Task WriteAsync(DuplexStream agent, BufferedReader reader, string status, byte[] body)
    {
        try
        {
            byte[] head = Encoding.ASCII.GetBytes(
                $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n"
            );
            await agent.WriteAsync((byte[])[.. head, .. body]).ConfigureAwait(false);
            await agent.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);
            await DrainAsync(reader).WaitAsync(DrainTime).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException or TimeoutException)
        {
            // Whoever does not wait for the answer gets none.
        }
    }

    /// <summary>Reads what the agent still sends: closing with unread bytes would reset the connection, and the answer with it.</summary>
    public static async Task DrainAsync(BufferedReader reader)
    {
        int drained = 0;
        do
        {
            drained += reader.Available.Length;
            reader.Consume(reader.Available.Length);
        } while (drained < DrainBytes && await reader.FillAsync().ConfigureAwait(false) > 0);
    }
}
